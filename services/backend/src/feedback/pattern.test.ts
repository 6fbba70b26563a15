import type { ExplanationRecord } from '@liminal/shared/contracts/explanation';
import { FEATURE_COUNT, FEATURE_NAMES, VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import type { PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import { featureRangesSchema, matcherOf } from '@liminal/shared/contracts/suppression';
import { describe, expect, it } from 'vitest';
import { patternOf } from './pattern.ts';

//                requests, burstiness, ip, channel, load, logins, jwt
const EXPORT = [120, -0.4, 0, 0, 119, Number.NaN, 0];
const SHARES = [1, 0.5, 0, 0, 1, 0, 0];
const LOW = [1, 0.1, 0, 0, 1, 600, 0];
const MEDIAN = [4, 0.5, 0, 0, 5, 5_000, 0];
const HIGH = [12, 0.8, 0.9, 6, 12, 40_000, 0.5];

const record = (values: readonly number[]): PredictionRecord => ({
  user: 'ada',
  ts: 1_000,
  seq: 1,
  values: Float32Array.from({ length: VECTOR_LENGTH }, (_, index) => values[index] ?? 0),
  forecast: null,
  checked: null,
  scores: {},
  pValue: 0.001,
  severity: 'warning',
  release: 'r1',
  provisional: false,
  scoredAt: 1,
});
const explanation: ExplanationRecord = {
  shap: {
    algorithm: 'enumeration',
    quantity: 'minus_log10_p',
    baseValue: 0,
    value: 3,
    shapValues: SHARES,
    standardErrors: null,
    gap: 0,
    backgroundRows: 1,
  },
  expectations: FEATURE_NAMES.map((_, feature) => ({
    user: { low: Number.NaN, median: Number.NaN, high: Number.NaN },
    everyone: { low: LOW[feature]!, median: MEDIAN[feature]!, high: HIGH[feature]!, missingRate: 0 },
  })),
  userVectors: 0,
  summaries: { en: '', ru: '' },
};
const isOf = (pattern: ReturnType<typeof patternOf>, values: readonly number[]): boolean =>
  matcherOf({ user: 'ada', features: pattern, timeOfDay: null, fromTs: null, untilTs: 2_000 }).matches(record(values));

describe('the pattern of an anomaly', () => {
  const pattern = patternOf({ record: record(EXPORT), explanation });
  const changed = (change: Record<number, number>): number[] => EXPORT.map((value, index) => change[index] ?? value);

  it('is one that can be written as a rule', () => {
    expect(featureRangesSchema.safeParse(JSON.parse(JSON.stringify(pattern))).success).toBe(true);
    expect(Object.keys(pattern)).toHaveLength(FEATURE_COUNT);
  });

  it.each<[string, number[], boolean]>([
    ['itself', EXPORT, true],
    ['a little more of it', changed({ 0: 140, 4: 140 }), true],
    ['less of it, as when it begins', changed({ 0: 40, 4: 30, 1: 0.2 }), true],
    ['much more of it', changed({ 0: 200 }), false],
    ['the same from many addresses', changed({ 2: 2.5 }), false],
    ['the same with a stolen token', changed({ 6: 0.95 }), false],
    ['the same and much in channels', changed({ 3: 50 }), false],
    ['what lies on the other side of usual', changed({ 0: 1, 4: 1 }), false],
    ['the same with logins as usual', changed({ 5: 5_000 }), true],
    ['the same with logins in quick succession', changed({ 5: 5 }), false],
  ])('holds %s', (_, values, isSame) => {
    expect(isOf(pattern, values)).toBe(isSame);
  });

  it('is about what was not observed where that made it', () => {
    const missing = { ...explanation, shap: { ...explanation.shap, shapValues: [0, 0, 0, 0, 0, 1, 0] } };
    expect(patternOf({ record: record(EXPORT), explanation: missing }).login_intervals).toEqual({ missing: true });
  });

  it('starts from what is usual for the user where that is known', () => {
    const known = {
      ...explanation,
      expectations: explanation.expectations.map((one) => ({ ...one, user: { low: 80, median: 90, high: 100 } })),
    };
    const { requests_per_user } = patternOf({ record: record(EXPORT), explanation: known });
    expect(requests_per_user).toEqual({ min: 90, max: 150, missing: false });
  });

  it('is a narrow box where there is no explanation', () => {
    const box = patternOf({ record: record(EXPORT), explanation: 'too-many-at-once' });
    expect(isOf(box, EXPORT)).toBe(true);
    expect(isOf(box, changed({ 0: 140 }))).toBe(true);
    expect(isOf(box, changed({ 0: 60 }))).toBe(false);
    expect(isOf(box, changed({ 5: 5_000 }))).toBe(false);
  });
});
