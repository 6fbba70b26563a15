import { describe, expect, it } from 'vitest';
import { asinhScaled, fitAsinhScaling } from './asinh-scaling.ts';
import { createMatrix } from './matrix.ts';

const scaledValues = (values: number[], columns = 1): number[] => {
  const rows = createMatrix(Float32Array.from(values), columns);
  return [...asinhScaled(rows, fitAsinhScaling(rows)).values.values];
};

describe('asinh scaling', () => {
  it('is asinh of the standardised value', () => {
    const expected = [-1.5, -0.5, 0.5, 1.5].map((x) => Math.fround(Math.asinh(x / Math.sqrt(1.25))));
    expect(scaledValues([1, 2, 3, 4])).toEqual(expected);
  });

  it('leaves missing values out of mean and deviation, and makes them 0', () => {
    const rows = createMatrix(Float32Array.of(1, Number.NaN, 3, Number.NaN), 1);
    const scaling = fitAsinhScaling(rows);
    expect(scaling).toEqual({ mean: Float64Array.of(2), deviation: Float64Array.of(1) });
    const { values, observed } = asinhScaled(rows, scaling);
    expect([...values.values]).toEqual([Math.fround(-Math.asinh(1)), 0, Math.fround(Math.asinh(1)), 0]);
    expect([...observed.values]).toEqual([1, 0, 1, 0]);
  });

  it('makes exactly 0 of a column that does not vary, and of one that was never observed', () => {
    expect(scaledValues(Array(1000).fill(0.1))).toEqual(Array(1000).fill(0));
    expect(scaledValues([Number.NaN, Number.NaN])).toEqual([0, 0]);
    const rows = createMatrix(new Float32Array(1000).fill(0.1), 1);
    expect(fitAsinhScaling(rows).deviation[0]).toBe(1);
  });

  it('tells apart neighbours, and values at the ends of float32', () => {
    const [low, high] = scaledValues([1e6, 1000000.0625]);
    expect([low, high]).toEqual([Math.fround(-Math.asinh(1)), Math.fround(Math.asinh(1))]);
    const [a, b, c, d] = scaledValues([-3.4e38, -1e38, 1e38, 3.4e38]);
    expect(a!).toBeLessThan(b!);
    expect(b!).toBeLessThan(c!);
    expect(c!).toBeLessThan(d!);
    expect(scaledValues([0, 1e-45])).toEqual([Math.fround(-Math.asinh(1)), Math.fround(Math.asinh(1))]);
  });

  it('takes infinities for the ends of float32', () => {
    const scaling = fitAsinhScaling(createMatrix(Float32Array.of(0, 1, 2), 1));
    const rows = createMatrix(Float32Array.of(Number.POSITIVE_INFINITY, 3.4028234663852886e38), 1);
    const [infinite, largest] = asinhScaled(rows, scaling).values.values;
    expect(infinite).toBe(largest);
    expect(largest).toBeLessThan(100);
  });
});
