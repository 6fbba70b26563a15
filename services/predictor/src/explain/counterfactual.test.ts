import type { Evaluate } from '@liminal/shared/shapley/background';
import { describe, expect, it } from 'vitest';
import { findCounterfactual } from './counterfactual.ts';
import { TrainingDistribution } from './training-distribution.ts';

const feature = (lowest: number, highest: number) => ({
  quantiles: [lowest, lowest + (highest - lowest) / 4, (lowest + highest) / 2, highest],
  missingRate: 0,
});
const distribution = new TrainingDistribution({
  probabilities: [0, 0.25, 0.5, 1],
  features: [feature(0, 10), feature(0, 1), feature(0, 100), { quantiles: null, missingRate: 1 }] as never,
});
const RATE = 0.01;

/** p falls with the distance of the worst of the features from 0, in units that differ. */
const pValues =
  (limits: readonly number[]): Evaluate =>
  async (rows, count) =>
    Float64Array.from({ length: count }, (_, index) =>
      limits.some((limit, column) => rows[4 * index + column]! > limit) ? 0.001 : 0.5,
    );

const find = (row: number[], limits: number[]) =>
  findCounterfactual(Float32Array.from(row), distribution, pValues(limits), RATE);

describe('a counterfactual', () => {
  it('changes one feature where that is enough, no further than it has to', async () => {
    const found = await find([400, 0.5, 50, Number.NaN], [6, 1, 100]);
    expect(found).toMatchObject({ pValue: 0.5, changes: [{ feature: 0, from: 400 }] });
    expect(found!.changes[0]!.to).toBeLessThanOrEqual(6);
    expect(found!.changes[0]!.to).toBeGreaterThan(5.95);
    expect(found!.distance).toBeCloseTo(39.4, 1);
  });

  it('chooses the feature that is nearer in units of its range', async () => {
    const either: Evaluate = async (rows, count) =>
      Float64Array.from({ length: count }, (_, index) =>
        rows[4 * index]! <= 5 || rows[4 * index + 2]! <= 90 ? 0.5 : 0,
      );
    const found = await findCounterfactual(Float32Array.of(10, 0, 100, 0), distribution, either, RATE);
    expect(found!.changes.map((change) => change.feature)).toEqual([2]);
    expect(found!.changes[0]!.to).toBeGreaterThan(89);
  });

  it.each([
    [
      [400, 7, 50],
      [0, 1],
    ],
    [
      [400, 7, 5_000],
      [0, 1, 2],
    ],
  ])('of %j changes all that is out of range: %j', async (row, features) => {
    const found = await find([...row, Number.NaN], [6, 1, 100]);
    expect(found!.changes.map((change) => change.feature)).toEqual(features);
    expect(found!.pValue).toBeGreaterThan(RATE);
    for (const { feature, to } of found!.changes) expect(to).toBeLessThanOrEqual([6, 1, 100][feature]!);
  });

  it('stays within what training rows had, and says when that is not enough', async () => {
    expect(await find([400, 0.5, 50, Number.NaN], [-1, 1, 100])).toBeNull();
  });

  it('leaves alone what was not observed', async () => {
    const needsThird: Evaluate = async (rows, count) =>
      Float64Array.from({ length: count }, (_, index) => (Number.isNaN(rows[4 * index + 2]!) ? 0.001 : 0.5));
    const row = Float32Array.of(1, 1, Number.NaN, Number.NaN);
    expect(await findCounterfactual(row, distribution, needsThird, RATE)).toBeNull();
  });

  it('is the same again', async () => {
    expect(await find([400, 7, 50, 1], [6, 1, 100])).toEqual(await find([400, 7, 50, 1], [6, 1, 100]));
  });
});
