import type { PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import { noServingCounts } from '@liminal/shared/contracts/serving-counts';
import { describe, expect, it } from 'vitest';
import { shadowVerdict } from './shadow-verdict.ts';
import { newWatch, watchRecords, watchVerdict } from './watch.ts';

const limits = { anomalyAlertRate: 0.01, watchRows: 100, watchTakeUpMs: 5_000, watchLagMs: 30_000 };
const SINCE_MS = 1_000_000;
const record = (user: string, pValue: number, release = 'r-new', scoredAt = SINCE_MS + 5_000) =>
  ({ user, pValue, release, scoredAt }) as PredictionRecord;
const users = (count: number, pValue: number, from = 0) =>
  Array.from({ length: count }, (_, user) => record(`u${from + user}`, pValue));

const none = noServingCounts();

function verdictOn(
  records: PredictionRecord[],
  { lagMs = 0, lagBeforeMs = 0, failures = none, failuresBefore = none } = {},
): string | null {
  const watch = newWatch('r-new', { lagMs: lagBeforeMs, failures: failuresBefore, sinceMs: SINCE_MS });
  watchRecords(watch, records, limits);
  Object.assign(watch, { lagMs, failures });
  return watchVerdict(watch, limits).breach;
}

describe('watching a promoted release', () => {
  it.each([
    ['quiet users', users(50, 0.5), null],
    ['one alarm among few', [...users(20, 0.5), ...users(1, 0.001, 20)], null],
    ['alarms of some among few', [...users(20, 0.5), ...users(3, 0.001, 20)], null],
    ['alarms of many users', [...users(20, 0.5), ...users(7, 0.001, 20)], /7 of 27 users/],
    ['a first user who alarms', users(1, 0.001), null],
    ['alarms of all of few users', users(19, 0.001), null],
    ['alarms of all of enough users', users(20, 0.001), /20 of 20 users/],
    ['one user who alarms all the time', [...users(20, 0.5), ...Array(50).fill(record('attacker', 0.001))], null],
    [
      'as many predictions by another',
      [...users(100, 0.5), ...Array(100).fill(record('u1', 0.5, 'r-old'))],
      /not taken up/,
    ],
    ['fewer by another', [...users(101, 0.5), ...Array(100).fill(record('u1', 0.5, 'r-old'))], null],
    ['predictions by another release alone', Array(100).fill(record('u1', 0.5, 'r-old')), /not taken up/],
    ['a few more by the old release', Array(99).fill(record('u1', 0.5, 'r-old')), null],
    [
      'many by the old release while this one is loaded',
      Array(5_000).fill(record('u1', 0.5, 'r-old', SINCE_MS + 4_999)),
      null,
    ],
    ['nothing', [], null],
  ])('with %s', (_, records, breach) => {
    if (breach === null) expect(verdictOn(records)).toBeNull();
    else expect(verdictOn(records)).toMatch(breach);
  });

  it('counts each user by one of his vectors, all with the same chance', () => {
    const alarmsWith = (isAlarm: (vector: number) => boolean): number => {
      const watch = newWatch('r-new', { lagMs: 0, failures: none, sinceMs: SINCE_MS });
      for (let vector = 0; vector < 10; vector++) {
        const records = users(1_000, isAlarm(vector) ? 0.001 : 0.5).map((of) => ({ ...of, ts: 10_000 * vector }));
        watchRecords(watch, records, limits);
      }
      expect(watch.users).toHaveLength(1_000);
      return watch.alarmed.reduce((sum, alarmed) => sum + alarmed, 0);
    };
    // Standard deviation 9.5.
    for (const only of [0, 4, 9]) expect(Math.abs(alarmsWith((vector) => vector === only) - 100)).toBeLessThan(40);
    expect(alarmsWith(() => true)).toBe(1_000);
  });

  it('minds a predictor that falls behind, but not one that was as far behind before', () => {
    expect(verdictOn([], { lagMs: 31_000 })).toMatch(/31 s behind/);
    expect(verdictOn([], { lagMs: 31_000, lagBeforeMs: 20_000 })).toBeNull();
  });
});

describe('watching for what fails', () => {
  it.each([
    ['vectors that can not be scored again and again', { ...none, failedRuns: 5 }, none, /not be scored 5 times/],
    ['a few failures', { ...none, failedRuns: 4 }, none, null],
    ['failures of an earlier time', { ...none, failedRuns: 9 }, { ...none, failedRuns: 8 }, null],
    ['most anomalies unexplained', { ...none, explained: 4, unexplained: 5 }, none, /5 of 9 anomalies/],
    ['half of them', { ...none, explained: 5, unexplained: 5 }, none, null],
    ['few anomalies', { ...none, unexplained: 4 }, none, null],
  ])('with %s', (_, failures, failuresBefore, breach) => {
    const found = verdictOn([], { failures, failuresBefore });
    if (breach === null) expect(found).toBeNull();
    else expect(found).toMatch(breach);
  });
});

describe('judging a shadow', () => {
  const counts = {
    vectors: 1_000,
    alarms: 10,
    productionAlarms: 10,
    disagreements: 4,
    shadowMicroseconds: 100,
    productionMicroseconds: 100,
    failures: 0,
  };
  const shadow = { shadowVectors: 1_000, shadowMs: 60_000, anomalyAlertRate: 0.01 };
  it.each([
    ['as many alarms as what serves', {}, 0, true],
    ['twice the rate', { alarms: 20 }, 0, true],
    ['more than twice the rate', { alarms: 21 }, 0, false],
    ['many alarms, but not many more than what serves', { alarms: 100, productionAlarms: 80 }, 0, true],
    ['many alarms, and many more than what serves', { alarms: 101, productionAlarms: 80 }, 0, false],
    ['a vector in a thousand that fails', { failures: 1 }, 0, true],
    ['more failures', { failures: 2 }, 0, false],
    ['three times the time', { shadowMicroseconds: 300 }, 0, true],
    ['more than that', { shadowMicroseconds: 301 }, 0, false],
    ['too few vectors', { vectors: 999 }, 59_999, undefined],
    ['few vectors when the time is over', { vectors: 999 }, 60_000, true],
    ['hardly any when the time is over', { vectors: 199, alarms: 0 }, 239_999, undefined],
    ['hardly any when four times that is over', { vectors: 199, alarms: 0 }, 240_000, false],
  ])('with %s', (_, change, elapsedMs, passed) => {
    expect(shadowVerdict({ ...counts, ...change }, elapsedMs, shadow)?.passed).toBe(passed);
  });
});
