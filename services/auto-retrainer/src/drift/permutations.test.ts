import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { labellings, PermutationTest } from './permutations.ts';

describe('labellings', () => {
  it('have the true one first and every set of rows with the same chance', () => {
    const ways = 60_000;
    const counts = new Map<string, number>();
    const all = [...labellings(4, 2, ways, new Random(1)).map((marks) => marks.join(''))];
    expect(all[0]).toBe('1100');
    for (const marks of all.slice(1)) counts.set(marks, (counts.get(marks) ?? 0) + 1);
    expect(counts.size).toBe(6);
    // χ² of 5 degrees of freedom: 20.5 is passed with probability 0.001.
    const expected = ways / 6;
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(chiSquare).toBeLessThan(20.5);
  });
});

describe('a permutation test', () => {
  const WAYS = 199;
  const pValue = (statistics: Iterable<number>, enough: number): number => {
    const test = new PermutationTest(enough);
    for (const statistic of statistics) test.add(statistic);
    return test.pValue;
  };

  it('that is decided early has p-values no smaller than uniform ones', () => {
    const random = new Random(2);
    const runs = 20_000;
    const pValues = Array.from({ length: runs }, () =>
      pValue(
        Array.from({ length: 1 + WAYS }, () => random.next()),
        10,
      ),
    );
    for (const level of [0.01, 0.05, 0.1, 0.3, 0.7]) {
      const share = pValues.filter((value) => value <= level).length / runs;
      // Three standard deviations of chance.
      expect(share).toBeLessThanOrEqual(level + 3 * Math.sqrt((level * (1 - level)) / runs));
    }
    expect(pValues.filter((value) => value <= 0.05).length / runs).toBeGreaterThan(0.045);
  });

  it('counts the true labelling among all, and stops when enough were as extreme', () => {
    expect(pValue([5, 1, 2, 3], 2)).toBe(1 / 4);
    expect(pValue([5, 6, 1, 2], 2)).toBe(2 / 4);
    expect(pValue([5, 6, 1, 5, 9, 9, 9], 2)).toBe(2 / 3);
  });
});
