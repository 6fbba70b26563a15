import { describe, expect, it } from 'vitest';
import { FEATURE_COUNT, FEATURE_NAMES } from './feature-vector.ts';
import { featureRangeSchema, isInForce, matcherOf, type SuppressionMatch, timeOfDaySchema } from './suppression.ts';

const AT = Date.UTC(2026, 10, 23, 2, 30);
const anything: SuppressionMatch = { user: null, features: {}, timeOfDay: null, fromTs: null, untilTs: AT + 1 };
const vector = (values: Partial<Record<(typeof FEATURE_NAMES)[number], number>> = {}, ts = AT) => ({
  user: 'ada',
  ts,
  values: Float32Array.from({ length: FEATURE_COUNT }, (_, index) => values[FEATURE_NAMES[index]!] ?? Number.NaN),
});
const ranges = (min?: number, max?: number, missing = false): Partial<SuppressionMatch> => ({
  features: {
    requests_per_user: { missing, ...(min !== undefined && { min }), ...(max !== undefined && { max }) },
  },
});

describe('a rule', () => {
  it.each([
    ['without conditions', {}, vector(), true],
    ['of the user', { user: 'ada' }, vector(), true],
    ['of another user', { user: 'ben' }, vector(), false],
    ['that is over at that time', { untilTs: AT }, vector(), false],
    ['that begins at that time', { fromTs: AT }, vector(), true],
    ['that begins later', { fromTs: AT + 1 }, vector(), false],
    ['with the value at its lower end', ranges(5, 9), vector({ requests_per_user: 5 }), true],
    ['with the value at its upper end', ranges(5, 9), vector({ requests_per_user: 9 }), true],
    ['with the value below', ranges(5, 9), vector({ requests_per_user: 4.9 }), false],
    ['with the value above', ranges(5, 9), vector({ requests_per_user: 9.1 }), false],
    ['open above', ranges(5), vector({ requests_per_user: 1e9 }), true],
    ['with the value not observed', ranges(5, 9), vector(), false],
    ['with the value not observed, which may be', ranges(5, 9, true), vector(), true],
    ['with the value outside, which may be missing', ranges(5, 9, true), vector({ requests_per_user: 1 }), false],
    ['only where it is missing', ranges(undefined, undefined, true), vector({ requests_per_user: 1 }), false],
    ['from this minute', { timeOfDay: { from: '02:30', to: '03:00' } }, vector(), true],
    ['to this minute', { timeOfDay: { from: '02:00', to: '02:30' } }, vector(), false],
    ['over midnight', { timeOfDay: { from: '22:00', to: '04:00' } }, vector(), true],
    ['over midnight, and it is later', { timeOfDay: { from: '22:00', to: '02:15' } }, vector(), false],
  ] as const)('%s', (_, change, of, isMatch) => {
    expect(matcherOf({ ...anything, ...change }).matches(of)).toBe(isMatch);
  });

  it('holds with all of its conditions alone', () => {
    const both = { ...anything, features: { ip_entropy: { max: 1, missing: false }, ...ranges(5, 9).features } };
    expect(matcherOf(both).matches(vector({ requests_per_user: 6, ip_entropy: 0.5 }))).toBe(true);
    expect(matcherOf(both).matches(vector({ requests_per_user: 6, ip_entropy: 2 }))).toBe(false);
  });

  it('is in force until it is over or taken back', () => {
    expect(isInForce({ ended: null, untilTs: AT + 1 }, AT)).toBe(true);
    expect(isInForce({ ended: null, untilTs: AT }, AT)).toBe(false);
    expect(isInForce({ ended: { at: 1, by: 'ada', note: '' }, untilTs: AT + 1 }, AT)).toBe(false);
  });
});

describe('refused are', () => {
  it.each([{}, { missing: false }, { min: 3, max: 2 }, { min: 'many' }, { min: 1, mx: 2 }])(
    'ranges like %j',
    (range) => {
      expect(featureRangeSchema.safeParse(range).success).toBe(false);
    },
  );

  it.each([
    ['2:30', '03:00'],
    ['24:00', '03:00'],
    ['02:30', '02:30'],
  ])('times from %s to %s', (from, to) => {
    expect(timeOfDaySchema.safeParse({ from, to }).success).toBe(false);
  });
});
