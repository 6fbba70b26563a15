import type { ReplayTally } from './replay-files.ts';

/** The end of a replay in words. */
export function tallyText({ linesRead, accepted, duplicates, skipped, refused }: ReplayTally): string {
  const rows = [
    row('lines read', linesRead),
    row('events taken', accepted),
    row('duplicates', duplicates),
    ...section('lines skipped', skipped),
    ...(refused.size > 0 ? section('events refused', refused) : []),
  ];
  return `${rows.join('\n')}\n`;
}

function section(title: string, counts: Map<string, number>): string[] {
  const total = counts.values().reduce((sum, count) => sum + count, 0);
  return [row(title, total), ...[...counts].map(([reason, count]) => row(`  ${reason}`, count))];
}

const row = (label: string, count: number): string => `${count.toLocaleString('en').padStart(12)}  ${label}`;
