import { describe, expect, it } from 'vitest';
import { FLOAT32_MAX } from './float32.ts';
import { createMatrix } from './matrix.ts';
import { fitMedians, imputeMissing, limitInfinite } from './median-imputation.ts';

const { NaN: missing, POSITIVE_INFINITY: infinity } = Number;

describe('median imputation', () => {
  it('takes the median of what was observed, 0 where nothing was', () => {
    const rows = createMatrix(Float32Array.of(5, missing, 1, missing, missing, missing, 3, missing, 100, missing), 2);
    expect(fitMedians(rows)).toEqual(Float32Array.of(3, 0));
  });

  it('fills NaN column by column and leaves the rows alone', () => {
    const rows = createMatrix(Float32Array.of(missing, 2, 3, missing), 2);
    expect(imputeMissing(rows, Float32Array.of(8, 9)).values).toEqual(Float32Array.of(8, 2, 3, 9));
    expect(rows.values[0]).toBeNaN();
  });

  it('clamps infinities to the ends of float32, in medians too', () => {
    const rows = createMatrix(Float32Array.of(infinity, -infinity), 2);
    expect(imputeMissing(rows, Float32Array.of(0, 0)).values).toEqual(Float32Array.of(FLOAT32_MAX, -FLOAT32_MAX));
    expect(fitMedians(rows)).toEqual(Float32Array.of(FLOAT32_MAX, -FLOAT32_MAX));
  });

  it('refuses medians of another width', () => {
    expect(() => imputeMissing(createMatrix(new Float32Array(4), 2), new Float32Array(3))).toThrow(RangeError);
  });

  it('limits infinities alone for models that take missing values', () => {
    const { POSITIVE_INFINITY: infinity, NaN: missing } = Number;
    const rows = createMatrix(Float32Array.of(infinity, -infinity, missing, 1), 2);
    expect(limitInfinite(rows).values).toEqual(Float32Array.of(FLOAT32_MAX, -FLOAT32_MAX, missing, 1));
    expect(rows.values[0]).toBe(infinity);
  });
});
