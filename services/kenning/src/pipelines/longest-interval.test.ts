import { describe, expect, it } from 'vitest';
import { longestInterval } from './longest-interval.ts';

const HOUR_MS = 3_600_000;
const evenly = (hours: number): number[] => Array.from({ length: 1001 }, (_, row) => (row / 1000) * hours * HOUR_MS);

describe('longestInterval', () => {
  it('is a quarter of the time over which rows come evenly', () => {
    expect(longestInterval(evenly(24))).toBe(6 * HOUR_MS);
  });

  it('does not grow by a few rows from long before', () => {
    const early = [0, 1, 2].map((row) => row * HOUR_MS);
    const late = evenly(24).map((ts) => ts + 60 * 24 * HOUR_MS);
    expect(longestInterval([...early, ...late]) / HOUR_MS).toBeCloseTo(6, 1);
  });

  it('is none where all rows are of one moment, or there are none', () => {
    expect(longestInterval([5, 5])).toBe(0);
    expect(longestInterval([])).toBe(0);
  });
});
