import { readFileSync } from 'node:fs';

const ROOT = new URL('../../', import.meta.url);

/** Text of a file, by its path from the root of the repository. */
export const readText = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');

export const readmeOf = (service: string): string => readText(`services/${service}/README.md`);

/** Cells of the rows of a Markdown section's tables whose first cell is code: `` | `NAME` | … | ``. */
export function rowsOf(markdown: string, heading: string): string[][] {
  return sectionOf(markdown, heading)
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').slice(1, -1).map(plain));
}

/** What stands under `## heading`. */
export function sectionOf(markdown: string, heading: string): string {
  const section = markdown.split(/^## /m).find((text) => text.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`there is no section "${heading}"`);
  return section;
}

const plain = (cell: string): string => cell.trim().replace(/^`([^`]*)`$/, '$1');
