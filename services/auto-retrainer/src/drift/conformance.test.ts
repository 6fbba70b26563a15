import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type DetectorRow,
  detectionTable,
  MARTINGALE,
  QUIET_RUNS,
  tableText,
} from '../../test/drift/detection-table.ts';
import { DRIFTS } from '../../test/drift/drifting-traffic.ts';
import { alarmRate } from './alarm-rate.ts';

/** What each detector is for. The others may find it too. */
const MEANT_FOR: Record<string, (keyof typeof DRIFTS)[]> = {
  'Kolmogorov–Smirnov': ['mean', 'scale'],
  'Wasserstein-1': ['mean', 'scale'],
  'population stability': ['mean', 'scale'],
  'missing rate': ['missing'],
  'these four together': ['mean', 'scale', 'missing'],
  MMD: ['mean', 'scale', 'missing', 'correlation'],
  'score drift': ['scale'],
  [MARTINGALE]: ['scale', 'few'],
};
const ALWAYS = 'always alarms (dummy)';
const NEVER = 'never alarms (dummy)';

let rows: DetectorRow[] = [];

describe('every drift detector', () => {
  beforeAll(() => {
    rows = detectionTable();
    console.log(tableText(rows));
  }, 600_000);

  it('alarms without drift at most at the rate it was set to', () => {
    const tooMany = rows.filter(({ rate, falseAlarms }) => alarmRate(falseAlarms, QUIET_RUNS).low > rate);
    expect(tooMany.map(({ name }) => name)).toEqual([ALWAYS]);
  });

  it('finds the drift that it is meant for', () => {
    const finds = ({ name, found }: DetectorRow): boolean =>
      (MEANT_FOR[name] ?? (Object.keys(DRIFTS) as (keyof typeof DRIFTS)[])).every(
        (drift) => found[drift].found >= 0.9 * found[drift].runs,
      );
    expect(rows.filter((row) => !finds(row)).map(({ name }) => name)).toEqual([NEVER]);
  });

  it('has every kind of drift found by one of them that keeps its rate', () => {
    for (const drift of Object.keys(DRIFTS) as (keyof typeof DRIFTS)[]) {
      const finders = rows.filter(
        ({ name, found }) => name !== ALWAYS && found[drift].found >= 0.9 * found[drift].runs,
      );
      expect(finders.length, drift).toBeGreaterThan(0);
    }
  });

  it('is documented with these numbers', () => {
    expect(readFileSync(new URL('../../../../docs/drift.md', import.meta.url), 'utf8')).toContain(tableText(rows));
  });
});
