import { type Markup, markup } from './markup.ts';

export interface Bar {
  label: string;
  value: number;
  /** End of the whisker, e.g. a high quantile; never below `value`. */
  upper?: number | undefined;
  /** What is written beside the bar. */
  text: string;
  /** Drawn in the colour of what the others are compared with. */
  isReference: boolean;
}

export interface BarPlot {
  title: string;
  /** Title of the axis, with its unit. */
  axis: string;
  bars: readonly Bar[];
}

const WIDTH = 640;
const LABEL_WIDTH = 130;
const TEXT_WIDTH = 160;
const ROW_HEIGHT = 28;
const TOP = 34;
const BOTTOM = 44;
const PLOT_WIDTH = WIDTH - LABEL_WIDTH - TEXT_WIDTH;

/** Horizontal bars from 0, as SVG that takes its colours from the page. */
export function barPlot({ title, axis, bars }: BarPlot): Markup {
  const height = TOP + bars.length * ROW_HEIGHT + BOTTOM;
  const ticks = axisTicks(Math.max(...bars.map(({ value, upper }) => upper ?? value)));
  const x = (value: number): string => (LABEL_WIDTH + (value / ticks.at(-1)!) * PLOT_WIDTH).toFixed(1);
  const base = TOP + bars.length * ROW_HEIGHT;
  return markup`<svg class="plot" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${`${title}, ${axis}`}">
<text class="plot-title" x="0" y="16">${title}</text>
${ticks.map(
  (tick) => markup`<line class="grid" x1="${x(tick)}" x2="${x(tick)}" y1="${TOP - 6}" y2="${base}"/>
<text class="tick" x="${x(tick)}" y="${base + 16}">${shortNumber(tick)}</text>`,
)}
${bars.map((bar, row) => barMarkup(bar, TOP + row * ROW_HEIGHT, x))}
<text class="axis" x="${LABEL_WIDTH + PLOT_WIDTH / 2}" y="${base + 36}">${axis}</text>
</svg>`;
}

function barMarkup({ label, value, upper, text, isReference }: Bar, y: number, x: (value: number) => string): Markup {
  const middle = y + ROW_HEIGHT / 2 - 3;
  const end = Number(x(upper ?? value));
  const whisker =
    upper === undefined
      ? markup``
      : markup`<path class="whisker" d="M${x(value)} ${middle}H${x(upper)}M${x(upper)} ${middle - 5}V${middle + 5}"/>`;
  return markup`<text class="label" x="${LABEL_WIDTH - 8}" y="${middle + 4}">${label}</text>
<rect class="${isReference ? 'bar reference' : 'bar'}" x="${LABEL_WIDTH}" y="${y}" height="${ROW_HEIGHT - 6}" width="${(
    Number(x(value)) - LABEL_WIDTH
  ).toFixed(1)}"><title>${`${label}: ${text}`}</title></rect>
${whisker}<text class="value" x="${(end + 6).toFixed(1)}" y="${middle + 4}">${text}</text>`;
}

const STEPS = [1, 2, 2.5, 5, 10];

/** Round values from 0 to at or above `largest`. */
export function axisTicks(largest: number): number[] {
  if (!(largest > 0)) return [0, 1];
  const rough = largest / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = STEPS.map((factor) => factor * power).find((candidate) => candidate >= rough * (1 - 1e-9))!;
  const count = Math.ceil(largest / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(6)));
}

/** Three significant figures. */
export function shortNumber(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e6) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}
