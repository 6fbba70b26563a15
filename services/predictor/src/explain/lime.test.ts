import { Random } from '@liminal/shared/runtime/random';
import type { Evaluate } from '@liminal/shared/shapley/background';
import { describe, expect, it } from 'vitest';
import { DEFAULT_LIME, limeExplanation } from './lime.ts';
import { TrainingDistribution } from './training-distribution.ts';

const uniform = (lowest: number, highest: number, missingRate = 0) => ({
  quantiles: [lowest, (lowest + highest) / 2, highest],
  missingRate,
});
const distribution = new TrainingDistribution({
  probabilities: [0, 0.5, 1],
  features: [uniform(0, 2), uniform(-1, 1), uniform(5, 5), { quantiles: null, missingRate: 1 }] as never,
});

const ofRows =
  (value: (row: Float32Array) => number): Evaluate =>
  async (rows, count) =>
    Float64Array.from({ length: count }, (_, index) => value(rows.subarray(4 * index, 4 * index + 4)));
const linear = ofRows(([x, y]) => 3 * x! - 2 * y!);

describe('LIME', () => {
  const row = Float32Array.of(10, 4, 5, Number.NaN);

  it('gives a feature what its value adds over a typical one', async () => {
    const { coefficients, r2, stability } = await limeExplanation(row, distribution, linear, DEFAULT_LIME);
    // 3·(10 − 1) and −2·(4 − 0), drawn to the mean a little by the ridge.
    expect(coefficients[0]).toBeGreaterThan(25.5);
    expect(coefficients[0]).toBeLessThan(27.5);
    expect(coefficients[1]).toBeGreaterThan(-8.3);
    expect(coefficients[1]).toBeLessThan(-7.3);
    expect(Math.abs(coefficients[2]!)).toBeLessThan(0.3);
    expect(r2).toBeGreaterThan(0.95);
    expect(stability).toBeGreaterThan(0.5);
  });

  it('gives the same for the same seed, something else for another', async () => {
    const explain = (seed: number) => limeExplanation(row, distribution, linear, { ...DEFAULT_LIME, seed });
    expect(await explain(4)).toEqual(await explain(4));
    expect((await explain(4)).coefficients).not.toEqual((await explain(40)).coefficients);
  });

  it('says where a line fits badly and runs disagree', async () => {
    const random = new Random(1);
    const wild = ofRows(() => random.normal());
    const { r2, stability } = await limeExplanation(row, distribution, wild, DEFAULT_LIME);
    expect(r2).toBeLessThan(0.2);
    expect(stability).toBeLessThan(0.5);
  });

  it('draws only what training rows had: quantiles within the profile, and not observed as often', async () => {
    const seen: number[][] = [[], [], [], []];
    const counting: Evaluate = async (rows, count) => {
      for (let index = 0; index < 4 * count; index++) seen[index % 4]!.push(rows[index]!);
      return new Float64Array(count);
    };
    const gaps = new TrainingDistribution({
      probabilities: [0, 0.5, 1],
      features: [uniform(0, 2, 0.25), uniform(-1, 1), uniform(5, 5), { quantiles: null, missingRate: 1 }] as never,
    });
    await limeExplanation(row, gaps, counting, DEFAULT_LIME);
    const drawn = seen[0]!.filter((value) => value !== 10);
    const observed = drawn.filter((value) => !Number.isNaN(value));
    expect(observed.length / drawn.length).toBeGreaterThan(0.7);
    expect(observed.length / drawn.length).toBeLessThan(0.8);
    expect(Math.min(...observed)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...observed)).toBeLessThanOrEqual(2);
    expect(seen[3]!.every(Number.isNaN)).toBe(true);
  });
});
