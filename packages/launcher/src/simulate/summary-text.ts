import type { SimulateTally } from './simulate-into.ts';

const USERS_SHOWN = 3;

/** The end of a simulation in words: what became of the events, and the attacks in them. */
export function summaryText({ events, accepted, duplicates, refused, labels }: SimulateTally): string {
  const rows = [
    row('events made', events),
    row('events taken', accepted),
    row('duplicates', duplicates),
    ...[...refused].map(([reason, count]) => row(`refused: ${reason}`, count)),
    row('attacks', labels.length),
    ...labels.map(({ id, users, fromMs, toMs }) => {
      const shown = users.slice(0, USERS_SHOWN).join(', ');
      const others = users.length > USERS_SHOWN ? ` and ${users.length - USERS_SHOWN} more` : '';
      return `${' '.repeat(14)}${id}: ${shown}${others}, ${isoMinute(fromMs)} to ${isoMinute(toMs)}`;
    }),
  ];
  return `${rows.join('\n')}\n`;
}

const row = (label: string, count: number): string => `${count.toLocaleString('en').padStart(12)}  ${label}`;

const isoMinute = (ms: number): string => `${new Date(ms).toISOString().slice(0, 16)}Z`;
