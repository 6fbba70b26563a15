import { describe, expect, it } from 'vitest';
import {
  alarmingRanks,
  calibrate,
  conformalPValue,
  pValueSteps,
  SMALLEST_TAIL_P_VALUE,
  smallestPValue,
  tailPValue,
} from './conformal.ts';

describe('split-conformal p-value', () => {
  const calibration = calibrate(Float32Array.of(3, 1, 2, 2), 0.5);

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
        const pValue = conformalPValue(calibrate(scores, 1), count - rank + 0.5);
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
    expect(() => calibrate(new Float32Array(0), 1)).toThrow('no calibration scores');
    expect(() => calibrate(Float32Array.of(1, Number.NaN), 1)).toThrow('NaN');
    expect(() => calibrate(Float32Array.of(1, Number.POSITIVE_INFINITY), 1)).toThrow('Infinity');
    expect(() => calibrate(Float32Array.of(1), 0)).toThrow('positive');
  });
});

describe('tail-extended p-value', () => {
  const calibration = calibrate(Float32Array.of(3, 1, 2, 2), 0.5);

  it('is the conformal one up to the largest calibration score', () => {
    for (const score of [-9, 0, 1, 1.5, 2, 2.5, 3]) {
      expect(tailPValue(calibration, score)).toBe(conformalPValue(calibration, score));
    }
  });

  it('goes on from 1/(n + 1) by a factor of e for each tail scale', () => {
    expect(tailPValue(calibration, 3 + 1e-6)).toBeCloseTo(1 / 5, 5);
    expect(tailPValue(calibration, 3.5)).toBeCloseTo(Math.exp(-1) / 5, 7);
    expect(tailPValue(calibration, 5)).toBeCloseTo(Math.exp(-4) / 5, 7);
  });

  it('never rises with the score, and never gets to 0', () => {
    let last = 1;
    for (let score = 0; score < 60; score += 0.01) {
      const pValue = tailPValue(calibration, score);
      expect(pValue).toBeLessThanOrEqual(last);
      last = pValue;
    }
    expect(tailPValue(calibration, Number.POSITIVE_INFINITY)).toBe(SMALLEST_TAIL_P_VALUE);
  });

  it('crosses every α from 1/(n + 1) where the conformal one does', () => {
    for (let score = 0; score < 5; score += 0.25) {
      for (const alpha of [0.2, 0.3, 0.4, 0.8, 1]) {
        expect(tailPValue(calibration, score) <= alpha).toBe(conformalPValue(calibration, score) <= alpha);
      }
    }
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
