import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { createMatrix } from './matrix.ts';
import { expNegative, rbfExpansion, rbfKernelRow } from './rbf-kernel.ts';

describe('expNegative', () => {
  it('is e^−t to 2e-12, from 0 to where float64 ends', () => {
    const random = new Random(1);
    for (let index = 0; index < 200_000; index++) {
      const t = index % 2 === 0 ? random.uniform(0, 700) : random.exponential(1);
      expect(Math.abs(expNegative(t) / Math.exp(-t) - 1)).toBeLessThan(2e-12);
    }
    expect(expNegative(0)).toBe(1);
    expect([708.1, 1e10, 1e40, Number.POSITIVE_INFINITY].map(expNegative)).toEqual([0, 0, 0, 0]);
  });
});

describe('RBF kernel', () => {
  const random = new Random(2);
  const points = createMatrix(
    Float32Array.from({ length: 5 * 20 }, () => random.normal()),
    5,
  );
  const kernelOf = (left: number, right: number) => {
    let squared = 0;
    for (let column = 0; column < 5; column++) {
      squared += (points.values[left * 5 + column]! - points.values[right * 5 + column]!) ** 2;
    }
    return Math.exp(-squared);
  };

  it('is exp(−‖x − p‖²) for the points asked for, and leaves the others alone', () => {
    const out = new Float64Array(20).fill(-1);
    rbfKernelRow(points.values, 3 * 5, points, 4, 9, out);
    for (let point = 0; point < 20; point++) {
      if (point >= 4 && point < 9) expect(out[point]).toBeCloseTo(kernelOf(3, point), 11);
      else expect(out[point]).toBe(-1);
    }
  });

  it('sums up to the kernel expansion', () => {
    const coefficients = Float64Array.from({ length: 20 }, () => random.normal());
    const expected = coefficients.reduce((sum, coefficient, point) => sum + coefficient * kernelOf(7, point), 0);
    expect(rbfExpansion(points.values, 7 * 5, points, coefficients)).toBeCloseTo(expected, 10);
  });
});
