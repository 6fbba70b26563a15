import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { LinearOneClassSvm } from './linear-one-class-svm.ts';
import { createMatrix, type Matrix, takeRows } from './matrix.ts';
import { OneClassSmo } from './one-class-smo.ts';
import { type KernelFactor, pivotCoefficients, pivotedCholesky } from './pivoted-cholesky.ts';
import { rbfExpansion } from './rbf-kernel.ts';
import { runAtOnce } from './run-in-steps.ts';

describe('pivoted Cholesky', () => {
  const points = normalRows(200, 2, 1);

  it('gives F·Fᵀ ≈ K, the better the more pivots, and exactly at the pivots', () => {
    const errors = [5, 20, 60].map((capacity) => {
      const kernel = runAtOnce(pivotedCholesky(points, capacity, new Random(3)));
      let trace = 0;
      for (let row = 0; row < 200; row++) trace += Math.abs(1 - product(kernel, row, row));
      for (const pivot of kernel.pivots) {
        for (let row = 0; row < 200; row++) {
          expect(Math.abs(product(kernel, pivot, row) - rbf(points, pivot, row))).toBeLessThan(2e-3);
        }
      }
      return trace / 200;
    });
    expect(errors[0]).toBeGreaterThan(0.3);
    expect(errors[1]).toBeLessThan(0.15);
    expect(errors[2]).toBeLessThan(1.1e-3);
  });

  it('takes no pivot twice, and none among equal rows', () => {
    const equal = createMatrix(new Float32Array(60).fill(2), 2);
    expect(runAtOnce(pivotedCholesky(equal, 30, new Random(1))).pivots).toHaveLength(1);
    const { pivots } = runAtOnce(pivotedCholesky(points, 200, new Random(1)));
    expect(new Set(pivots).size).toBe(pivots.length);
    expect(pivots.length).toBeLessThan(150);
  });

  it('turns weights on F into coefficients of kernel functions', () => {
    const kernel = runAtOnce(pivotedCholesky(points, 40, new Random(2)));
    const random = new Random(5);
    const weights = Float64Array.from({ length: kernel.pivots.length }, () => random.normal());
    const coefficients = pivotCoefficients(kernel, weights);
    const pivots = takeRows(points, kernel.pivots);
    for (let row = 0; row < 200; row++) {
      const onFactor = weights.reduce((sum, weight, index) => sum + weight * kernel.factor[row * 40 + index]!, 0);
      expect(rbfExpansion(points.values, 2 * row, pivots, coefficients)).toBeCloseTo(onFactor, 4);
    }
  });
});

describe('linear one-class SVM', () => {
  it.each([0.05, 0.5, 1])('has the kernel solution where the factor is the whole kernel: ν %f', (nu) => {
    const points = normalRows(400, 2, 7);
    const kernel = runAtOnce(pivotedCholesky(points, 400, new Random(4)));
    const total = nu * 400;
    const linear = runAtOnce(
      new LinearOneClassSvm(
        {
          features: kernel.factor,
          stride: 400,
          width: kernel.pivots.length,
          rows: 400,
          total,
          tolerance: 1e-4 * total,
        },
        9,
      ).solve(),
    );
    const exact = runAtOnce(new OneClassSmo(points, { total, tolerance: 1e-4, cacheBytes: 2 ** 20 }).solve());
    expect(linear.alpha.reduce((sum, value) => sum + value, 0)).toBeCloseTo(total, 8);
    expect(Math.abs(linear.rho - exact.rho) / total).toBeLessThan(1e-3);
    for (let row = 0; row < 400; row++) {
      const sum = linear.weights.reduce((s, weight, index) => s + weight * kernel.factor[row * 400 + index]!, 0);
      // The factor leaves out up to 1e-3 of each row's norm.
      expect(Math.abs(sum - exact.gradient[row]!) / total).toBeLessThan(2e-3);
    }
  });
});

function product({ factor, capacity, pivots }: KernelFactor, left: number, right: number): number {
  let sum = 0;
  for (let index = 0; index < pivots.length; index++) {
    sum += factor[left * capacity + index]! * factor[right * capacity + index]!;
  }
  return sum;
}

function rbf({ values }: Matrix, left: number, right: number): number {
  const [x, y] = [values[2 * left]! - values[2 * right]!, values[2 * left + 1]! - values[2 * right + 1]!];
  return Math.exp(-(x * x + y * y));
}

function normalRows(rows: number, columns: number, seed: number): Matrix {
  const random = new Random(seed);
  return createMatrix(
    Float32Array.from({ length: rows * columns }, () => random.normal()),
    columns,
  );
}
