import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import type { ExplanationRecord } from './explanation.ts';
import { toStoredExplanation } from './explanation.ts';
import { decodeExplanation, encodeExplanation } from './explanation-codec.ts';
import { FEATURE_COUNT } from './feature-vector.ts';
import { UndecodableError } from './undecodable-error.ts';

const record: ExplanationRecord = {
  shap: {
    algorithm: 'enumeration',
    quantity: 'minus_log10_p',
    baseValue: 0.4321,
    value: 3.5,
    shapValues: Float64Array.of(3, 0.1, -0.1, 0, 0.05, 0, 0.0179),
    standardErrors: null,
    gap: 1e-12,
    backgroundRows: 4,
  },
  expectations: Array.from({ length: FEATURE_COUNT }, (_, feature) => ({
    user: feature === 5 ? { low: Number.NaN, median: Number.NaN, high: Number.NaN } : { low: 1, median: 3, high: 8 },
    everyone: { low: 0, median: feature, high: 38, missingRate: 0.25 },
  })),
  userVectors: 12,
  summaries: { en: 'Unusual.', ru: 'Необычно.' },
};

describe('the stored form of an explanation', () => {
  it('gives back what went in, in less than 1 KB', () => {
    const bytes = encodeExplanation(record);
    expect(decodeExplanation(bytes)).toEqual(record);
    expect(bytes.byteLength).toBeLessThan(1_000);
  });

  it('keeps standard errors where there are some', () => {
    const sampled = { ...record, shap: { ...record.shap, standardErrors: new Float64Array(FEATURE_COUNT).fill(0.5) } };
    expect(decodeExplanation(encodeExplanation(sampled))).toEqual(sampled);
  });

  it('says why there is none', () => {
    expect(decodeExplanation(encodeExplanation('too-many-at-once'))).toBe('too-many-at-once');
  });

  it('shows what was never observed as null, and whether the shares add up', () => {
    const shown = toStoredExplanation(record);
    expect(shown.expected.login_intervals.user).toBeNull();
    expect(shown.shap.additivity).toEqual({ gap: 1e-12, holds: true });
    expect(toStoredExplanation({ ...record, shap: { ...record.shap, gap: 2e-5 } }).shap.additivity.holds).toBe(false);
  });

  it.each([
    ['no msgpack', Uint8Array.of(0xc1)],
    ['another version', new Packr().pack([2, 0])],
    ['an unknown reason', new Packr().pack([1, 99])],
    ['numbers missing', new Packr().pack([1, [0, 0, 0], new Uint8Array(8), null, new Uint8Array(196), 1, ['', '']])],
  ])('is refused where it is %s', (_, bytes) => {
    expect(() => decodeExplanation(bytes)).toThrow(UndecodableError);
  });
});
