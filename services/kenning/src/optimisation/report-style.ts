import { Markup } from './markup.ts';

/** Follows the reader's choice of light or dark. */
export const REPORT_STYLE = new Markup(`
:root { color-scheme: light dark; --text: #1c2330; --faint: #5b6577; --page: #ffffff; --panel: #f4f6f9; --line: #d5dbe5;
  --bar: #3b7dd8; --reference: #8a94a6; --warning: #a04a00; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e8ef; --faint: #9aa5b8; --page: #14181f; --panel: #1d232d;
  --line: #364051; --bar: #6aa5f5; --reference: #7b869a; --warning: #f0a860; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 90rem; padding: 1.5rem; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.6rem; }
h2 { margin: 2.2rem 0 .8rem; font-size: 1.25rem; }
small { color: var(--faint); font-weight: normal; }
header p { margin: .2rem 0 1rem; color: var(--faint); }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: .8rem; margin: 0; padding: 1rem;
  background: var(--panel); border-radius: .5rem; }
dt { color: var(--faint); font-size: .85em; }
dd { margin: 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92em; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .5rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
th:first-child, td:last-child, th:last-child { text-align: left; }
thead th { vertical-align: bottom; line-height: 1.25; }
tbody th { font-weight: 600; white-space: nowrap; }
td:last-child { overflow-wrap: anywhere; min-width: 7rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 34rem), 1fr)); gap: 1rem; margin-top: 1.2rem; }
.plot { width: 100%; padding: .8rem; background: var(--panel); border-radius: .5rem; font: 12px system-ui, sans-serif;
  fill: var(--text); }
.plot-title { font-size: 14px; font-weight: 600; }
.label { text-anchor: end; }
.tick, .axis { text-anchor: middle; fill: var(--faint); }
.grid { stroke: var(--line); }
.bar { fill: var(--bar); }
.bar.reference { fill: var(--reference); }
.whisker { stroke: var(--text); fill: none; stroke-width: 1.5; }
.warning { color: var(--warning); }
`);
