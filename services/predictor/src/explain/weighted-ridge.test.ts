import { describe, expect, it } from 'vitest';
import limeGolden from '../../test/goldens/lime.golden.json' with { type: 'json' };
import { weightedRidge } from './weighted-ridge.ts';

describe('the weighted ridge of LIME equals its normal equations', () => {
  it.each(limeGolden.fits)('$columns features', ({ kept, target, weights, ridge, ...golden }) => {
    const { coefficients, intercept, r2 } = weightedRidge(Float64Array.from(kept.flat()), target, weights, ridge);
    expect(intercept).toBeCloseTo(golden.intercept, 9);
    expect(r2).toBeCloseTo(golden.r2, 9);
    for (const [feature, slope] of golden.coefficients.entries()) expect(coefficients[feature]).toBeCloseTo(slope, 9);
  });
});
