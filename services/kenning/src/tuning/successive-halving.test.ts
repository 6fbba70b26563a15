import { describe, expect, it } from 'vitest';
import { rungShares, successiveHalving } from './successive-halving.ts';

describe('successive halving', () => {
  it('gives the best part of each rung more, as Jamieson & Talwalkar have it', async () => {
    const asked: string[] = [];
    const progress: number[] = [];
    const ranking = await successiveHalving([3, 9, 1, 8, 7, 2, 6, 5, 4], {
      resources: [1, 3, 9],
      reduction: 3,
      qualityOf: (value: number) => value,
      async evaluate(configuration, resource, { done, of }) {
        asked.push(`${configuration}@${resource}`);
        progress.push(done / of);
        // With all of the resource, what looked third best turns out to be the best.
        return resource === 3 && configuration === 7 ? 100 : configuration;
      },
    });
    expect(asked).toEqual([
      ...[3, 9, 1, 8, 7, 2, 6, 5, 4].map((configuration) => `${configuration}@1`),
      ...['9@3', '8@3', '7@3'],
      '7@9',
    ]);
    expect(ranking.map(({ configuration, rungs, resource }) => [configuration, rungs, resource])).toEqual([
      [7, 3, 9],
      [9, 2, 3],
      [8, 2, 3],
      ...[6, 5, 4, 3, 2, 1].map((configuration) => [configuration, 1, 1]),
    ]);
    expect(progress[0]).toBe(0);
    expect(progress.at(-1)).toBe(12 / 13);
  });

  it('puts what has no value last, and keeps the order of equals', async () => {
    const ranking = await successiveHalving([Number.NaN, 1, Number.NaN, 2, 1], {
      resources: [1],
      reduction: 2,
      qualityOf: (value: number) => value,
      evaluate: async (configuration) => configuration,
    });
    expect(ranking.map(({ index }) => index)).toEqual([3, 1, 4, 0, 2]);
  });

  it.each([
    [18, 3, 0.01, [1 / 9, 1 / 3, 1]],
    [27, 3, 0.01, [1 / 27, 1 / 9, 1 / 3, 1]],
    [27, 3, 0.2, [1 / 3, 1]],
    [2, 3, 0.01, [1]],
    [4, 2, 0.01, [0.25, 0.5, 1]],
  ])('of %d configurations, reduced %d-fold, from a share of %d: %j', (configurations, reduction, fewest, shares) => {
    expect(rungShares(configurations, reduction, fewest)).toEqual(shares);
  });
});
