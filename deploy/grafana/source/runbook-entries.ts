import { readFileSync } from 'node:fs';

const PAGE = readFileSync(new URL('../../../docs/runbooks.md', import.meta.url), 'utf8');

export const RUNBOOKS_UID = 'liminal-runbooks';
/** Its first panel; ids below are for the rows. */
const FIRST_PANEL = 101;

export interface RunbookEntry {
  /** The alert that it is about. */
  title: string;
  markdown: string;
  panelId: number;
}

export interface RunbookSection {
  title: string;
  entries: RunbookEntry[];
}

/** Sections of docs/runbooks.md that have entries, and the one that says what to do first, as an entry of its own name. */
export const RUNBOOK_SECTIONS: readonly RunbookSection[] = sections();

/** Address within Grafana of what to do about an alert. Throws when there is no such entry. */
export function runbookUrl(alert: string): string {
  const entry = RUNBOOK_SECTIONS.flatMap(({ entries }) => entries).find(({ title }) => title === alert);
  if (entry === undefined) throw new Error(`docs/runbooks.md has no entry for ${alert}`);
  return `/d/${RUNBOOKS_UID}?viewPanel=${entry.panelId}`;
}

function sections(): RunbookSection[] {
  let panelId = FIRST_PANEL;
  return PAGE.split(/^## /m)
    .slice(1)
    .map((text) => {
      const [title, ...rest] = text.split('\n');
      const [before, ...entries] = rest.join('\n').split(/^### /m);
      const first = title!.startsWith('First') ? [`${title}\n${before}`] : [];
      return { title: title!, entries: [...first, ...entries].map((entry) => toEntry(entry, panelId++)) };
    })
    .filter(({ entries }) => entries.length > 0);
}

function toEntry(text: string, panelId: number): RunbookEntry {
  const [title, ...lines] = text.split('\n');
  return { title: title!, markdown: lines.join('\n').trim(), panelId };
}
