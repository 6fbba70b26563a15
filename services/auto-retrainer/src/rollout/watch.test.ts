import type { PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import { describe, expect, it } from 'vitest';
import { shadowVerdict } from './shadow-verdict.ts';
import { newWatch, watchRecords, watchVerdict } from './watch.ts';

const limits = { anomalyAlertRate: 0.01, watchRows: 100, watchTakeUpMs: 5_000, watchLagMs: 30_000 };
const SINCE_MS = 1_000_000;
const record = (user: string, pValue: number, release = 'r-new', scoredAt = SINCE_MS + 5_000) =>
  ({ user, pValue, release, scoredAt }) as PredictionRecord;
const users = (count: number, pValue: number, from = 0) =>
  Array.from({ length: count }, (_, user) => record(`u${from + user}`, pValue));

function verdictOn(records: PredictionRecord[], { lagMs = 0, lagBeforeMs = 0 } = {}) {
  const watch = newWatch('r-new', lagBeforeMs, SINCE_MS);
  watchRecords(watch, records, limits);
  watch.lagMs = lagMs;
  return watchVerdict(watch, limits).breach;
}

describe('watching a promoted release', () => {
  it.each([
    ['quiet users', users(50, 0.5), null],
    ['one alarm among few', [...users(20, 0.5), ...users(1, 0.001, 20)], null],
    ['alarms of many users', [...users(20, 0.5), ...users(5, 0.001, 20)], /5 of 25 users/],
    ['one user who alarms all the time', [...users(20, 0.5), ...Array(50).fill(record('attacker', 0.001))], null],
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

  it('minds a predictor that falls behind, but not one that was as far behind before', () => {
    expect(verdictOn([], { lagMs: 31_000 })).toMatch(/31 s behind/);
    expect(verdictOn([], { lagMs: 31_000, lagBeforeMs: 20_000 })).toBeNull();
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
    ['many alarms, but fewer than what serves', { alarms: 80, productionAlarms: 90 }, 0, true],
    ['a vector in a thousand that fails', { failures: 1 }, 0, true],
    ['more failures', { failures: 2 }, 0, false],
    ['three times the time', { shadowMicroseconds: 300 }, 0, true],
    ['more than that', { shadowMicroseconds: 301 }, 0, false],
    ['too few vectors', { vectors: 999 }, 59_999, undefined],
    ['few vectors when the time is over', { vectors: 999 }, 60_000, true],
    ['none when the time is over', { vectors: 0 }, 60_000, false],
  ])('with %s', (_, change, elapsedMs, passed) => {
    expect(shadowVerdict({ ...counts, ...change }, elapsedMs, shadow)?.passed).toBe(passed);
  });
});
