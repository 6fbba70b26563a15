import { describe, expect, it } from 'vitest';
import { spearman } from './rank-correlation.ts';

describe("Spearman's rank correlation", () => {
  it('is that of scipy.stats.spearmanr, ties included', () => {
    expect(spearman([1, 2, 3, 4, 5], [5, 6, 7, 8, 7])).toBeCloseTo(0.8207826816681233, 12);
    expect(spearman([1, 2, 2, 3], [4, 1, 1, 0])).toBeCloseTo(-1, 12);
  });

  it('is 1 where nothing varies, and no number where one side does not', () => {
    expect(spearman([1, 1], [2, 2])).toBe(1);
    expect(spearman([1, 1], [1, 2])).toBeNaN();
  });
});
