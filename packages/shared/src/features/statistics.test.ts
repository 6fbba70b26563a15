import { describe, expect, it } from 'vitest';
import { burstiness, conditionalEntropyBits, entropyBits, medianGap } from './statistics.ts';

describe('burstiness', () => {
  it('is the Kim–Jo value of a worked example', () => {
    expect(burstiness([0, 1, 3, 8, 12])).toBeCloseTo(-0.298168, 6);
    expect(burstiness([0, 1, 2, 3, 4, 64])).toBeCloseTo(0.889527, 6);
  });

  it('is −1 for equal gaps, whatever their length', () => {
    expect(burstiness([0, 5, 10, 15])).toBe(-1);
    expect(burstiness([7, 7, 7])).toBe(-1);
  });

  it('does not depend on the unit of time', () => {
    const times = [0, 1, 3, 8, 12];
    expect(burstiness(times.map((time) => time * 60_000))).toBeCloseTo(burstiness(times), 12);
  });

  it('is not defined below three events', () => {
    expect(burstiness([])).toBeNaN();
    expect(burstiness([1, 2])).toBeNaN();
  });
});

describe('entropyBits', () => {
  it('is the Shannon entropy of the counts', () => {
    expect(entropyBits([1, 1, 2, 2, 3])).toBeCloseTo(1.521928, 6);
    expect(entropyBits([4, 4, 4])).toBe(0);
    expect(entropyBits([1, 2, 3, 4])).toBe(2);
    expect(entropyBits([])).toBeNaN();
  });
});

describe('conditionalEntropyBits', () => {
  it('is 0 while each condition has one outcome', () => {
    expect(conditionalEntropyBits([1, 1, 2], [5, 5, 6])).toBe(0);
  });

  it('weighs the entropy of each condition by its share', () => {
    // Token 1 (4 of 6) has two clients evenly: 1 bit; token 2 has one: 0 bits.
    expect(conditionalEntropyBits([1, 1, 1, 1, 2, 2], [5, 6, 5, 6, 7, 7])).toBeCloseTo(4 / 6, 12);
  });

  it('is not defined without observations', () => {
    expect(conditionalEntropyBits([], [])).toBeNaN();
  });
});

describe('medianGap', () => {
  it('is the middle gap, or the mean of the middle two', () => {
    expect(medianGap([0, 1, 3, 10])).toBe(2);
    expect(medianGap([0, 1, 4])).toBe(2);
    expect(medianGap([5])).toBeNaN();
  });
});
