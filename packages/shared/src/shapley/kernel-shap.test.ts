import { describe, expect, it } from 'vitest';
import { Random } from '../runtime/random.ts';
import type { Evaluate } from './background.ts';
import { kernelShapValues } from './kernel-shap.ts';
import { shapleyValues } from './shapley-values.ts';
import { normalBackground } from './testing/random-trees.ts';

/** Products of neighbours, a step and a curve: nothing that a linear fit of coalitions could get right by itself. */
const model =
  (columns: number): Evaluate =>
  async (rows, count) =>
    Float64Array.from({ length: count }, (_, index) => {
      const x = rows.subarray(index * columns, (index + 1) * columns);
      let value = Math.sin(3 * x[0]!) + (x[1]! > x[2]! ? 2 : 0);
      for (let feature = 1; feature < columns; feature++) value += x[feature - 1]! * x[feature]!;
      return value + x[0]! * x[1]! * x[2]!;
    });

describe('paired KernelSHAP', () => {
  it.each([7, 8, 9, 10])('lies within its standard errors of the exact values of %i features', async (columns) => {
    const random = new Random(columns);
    const background = normalBackground(random, 5, columns);
    const row = Float32Array.from({ length: columns }, () => 2 * random.normal());
    const exact = await shapleyValues(row, background, model(columns), 1);
    const deviations: number[] = [];
    for (let seed = 0; seed < 40; seed++) {
      const sampled = await kernelShapValues(row, background, model(columns), { pairs: 200, seed });
      expect(sampled.baseValue).toBeCloseTo(exact.baseValue, 9);
      for (let feature = 0; feature < columns; feature++) {
        const error = sampled.shapValues[feature]! - exact.shapValues[feature]!;
        deviations.push(error / sampled.standardErrors[feature]!);
      }
    }
    const rootMeanSquare = Math.sqrt(deviations.reduce((sum, z) => sum + z * z, 0) / deviations.length);
    expect(rootMeanSquare).toBeGreaterThan(0.75);
    expect(rootMeanSquare).toBeLessThan(1.25);
  });

  it('is exact, and says so, where a feature adds the same to every coalition', async () => {
    const columns = 15;
    const background = normalBackground(new Random(1), 3, columns);
    const row = new Float32Array(columns).fill(1);
    const linear: Evaluate = async (rows, count) =>
      Float64Array.from({ length: count }, (_, index) => {
        let value = 0;
        for (let feature = 0; feature < columns; feature++) value += feature * rows[index * columns + feature]!;
        return value;
      });
    const { shapValues, standardErrors } = await shapleyValues(row, background, linear, 1);
    for (let feature = 0; feature < columns; feature++) {
      const column = [0, 1, 2].map((index) => background.values[index * columns + feature]!);
      const mean = column.reduce((sum, value) => sum + value, 0) / column.length;
      expect(shapValues[feature]).toBeCloseTo(feature * (1 - mean), 6);
      expect(standardErrors![feature]).toBeLessThan(1e-6);
    }
  });

  it('narrows with the number of pairs as a mean does', async () => {
    const background = normalBackground(new Random(2), 4, 8);
    const row = new Float32Array(8).fill(1.5);
    const errorsOf = async (pairs: number) =>
      (await kernelShapValues(row, background, model(8), { pairs, seed: 4 })).standardErrors.reduce((a, b) => a + b);
    const ratio = (await errorsOf(200)) / (await errorsOf(3_200));
    expect(ratio).toBeGreaterThan(3);
    expect(ratio).toBeLessThan(5.3);
  });

  it('refuses too few pairs to tell the features apart', async () => {
    const background = normalBackground(new Random(3), 2, 9);
    const few = kernelShapValues(new Float32Array(9), background, model(9), { pairs: 3, seed: 1 });
    await expect(few).rejects.toThrow(RangeError);
  });
});
