import { dashboard, row } from './dashboard.ts';
import { next } from './links.ts';
import { page } from './panels.ts';
import { RUNBOOK_SECTIONS, runbookUrl } from './runbook-entries.ts';

/** Links of the page lead to other entries, which are panels here, or to files, which are not. */
const linked = (markdown: string): string =>
  markdown
    .replace(/\[(Liminal\w+)\]\(#\w+\)/g, (_, alert: string) => `[${alert}](${runbookUrl(alert)})`)
    .replace(/\[([^\]]+)\]\((?!https?:|\/d\/)(?:\.\.\/)*([^)]+)\)/g, '$1 (`$2`)');

/** docs/runbooks.md, where Grafana is all that is at hand. */
export const runbooks = () =>
  dashboard('runbooks', {
    description: 'What each alert means, how bad it is, where to look and what to do: docs/runbooks.md.',
    variables: [],
    rows: RUNBOOK_SECTIONS.map(({ title, entries }) =>
      row(
        title,
        entries.map((entry) =>
          page(entry.title, { markdown: linked(entry.markdown), id: entry.panelId, links: [next('overview')] }),
        ),
        1,
      ),
    ),
  });
