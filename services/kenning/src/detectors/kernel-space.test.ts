import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { FLOAT32_MAX } from './float32.ts';
import { fitKernelSpace, type Gamma, toKernelSpace } from './kernel-space.ts';
import { createMatrix, type Matrix } from './matrix.ts';
import { runAtOnce } from './run-in-steps.ts';

const fit = (matrix: Matrix, gamma: Gamma) => runAtOnce(fitKernelSpace(matrix, gamma));
const random = new Random(1);
const rows = createMatrix(
  Float32Array.from({ length: 300 }, (_, index) => (index % 3 === 2 ? 7 : 10 ** (index % 3) * random.normal() + 100)),
  3,
);

describe('kernel space', () => {
  it('has γ = 1/(columns · variance) of the standardised values: 1/(varying columns)', () => {
    expect(fit(rows, 'scale').gamma).toBeCloseTo(1 / 2, 5);
    expect(fit(createMatrix(new Float32Array(6).fill(3), 3), 'scale').gamma).toBe(1);
  });

  it('makes squared distances γ times those of standardised rows', () => {
    const { space } = fit(rows, 0.25);
    const { values } = toKernelSpace(space, rows);
    for (const column of [0, 1]) {
      const own = values.filter((_, index) => index % 3 === column);
      const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
      const variance = own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / own.length;
      expect(mean).toBeCloseTo(0, 5);
      expect(variance).toBeCloseTo(0.25, 5);
    }
    expect(values.filter((_, index) => index % 3 === 2).every((value) => value === 0)).toBe(true);
  });

  it('clips only where every training row is out of reach', () => {
    const { space } = fit(rows, 'scale');
    const furthest = toKernelSpace(space, rows).values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(Math.exp(-((space.clip - furthest) ** 2))).toBeLessThan(1.4e-45);
    const extreme = createMatrix(Float32Array.of(FLOAT32_MAX, -FLOAT32_MAX, 1e30), 3);
    expect([...toKernelSpace(space, extreme).values]).toEqual([space.clip, -space.clip, space.clip]);
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('refuses γ = %s', (gamma) => {
    expect(() => fit(rows, gamma)).toThrow(`not ${gamma}`);
  });
});
