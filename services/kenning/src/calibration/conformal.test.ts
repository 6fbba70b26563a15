import { describe, expect, it } from 'vitest';
import { alarmingRanks, calibrate, conformalPValue, pValueSteps, smallestPValue } from './conformal.ts';

describe('split-conformal p-value', () => {
  const calibration = calibrate(Float32Array.of(3, 1, 2, 2));

  it.each([
    [0, 5 / 5],
    [1, 5 / 5],
    [1.5, 4 / 5],
    [2, 4 / 5],
    [2.5, 2 / 5],
    [3, 2 / 5],
    [4, 1 / 5],
  ])('of score %d is (1 + calibration scores at least as high) / (n + 1)', (score, expected) => {
    expect(conformalPValue(calibration, score)).toBeCloseTo(expected, 6);
  });

  it('is at most α exactly where the rational number is', () => {
    for (const count of [9, 19, 99, 999]) {
      const scores = Float32Array.from({ length: count }, (_, index) => index);
      for (let rank = 1; rank <= count; rank++) {
        const pValue = conformalPValue(calibrate(scores), count - rank + 0.5);
        expect(pValue).toBeLessThanOrEqual(rank / (count + 1));
        expect(pValue).toBeGreaterThan((rank - 0.001) / (count + 1));
      }
    }
  });

  it('as steps is the same function', () => {
    const { upTo, values } = pValueSteps(calibration);
    expect(upTo).toEqual(Float32Array.of(1, 2, 3));
    expect([...upTo, 4].map((score) => conformalPValue(calibration, score))).toEqual([...values]);
  });

  it('can be no smaller than 1/(n + 1)', () => {
    expect(smallestPValue(99)).toBeCloseTo(0.01, 8);
    expect(conformalPValue(calibration, 1e9)).toBe(smallestPValue(4));
  });

  it('refuses calibration without scores, or with NaN', () => {
    expect(() => calibrate(new Float32Array(0))).toThrow('no calibration scores');
    expect(() => calibrate(Float32Array.of(1, Number.NaN))).toThrow('NaN');
  });
});

describe('alarming ranks', () => {
  it.each([
    [0.01, 98, 0],
    [0.01, 99, 1],
    [0.05, 999, 50],
    [0.29, 99, 29],
    [0.07, 99, 7],
    [1, 99, 100],
  ])('at rate %d with %i calibration rows are %i', (alarmRate, calibrationRows, ranks) => {
    expect(alarmingRanks(alarmRate, calibrationRows)).toBe(ranks);
  });
});
