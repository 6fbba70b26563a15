import { FLOAT32_MAX } from './float32.ts';
import type { Matrix } from './matrix.ts';

/** Per column, in float64: float32 can't hold the spread of columns that reach its ends. */
export interface AsinhScaling {
  mean: Float64Array;
  /** Standard deviation (over n); 1 for a column that does not vary or was never observed. */
  deviation: Float64Array;
}

/** Rows as a network takes them. */
export interface ScaledRows {
  /** asinh((x − mean) / deviation), 0 where missing. */
  values: Matrix;
  /** 1 where a value was observed, 0 where it is missing. */
  observed: Matrix;
}

/** Mean and standard deviation of the observed values of each column. */
export function fitAsinhScaling({ values, columns }: Matrix): AsinhScaling {
  const mean = new Float64Array(columns);
  const deviation = new Float64Array(columns).fill(1);
  for (let column = 0; column < columns; column++) {
    // Sums of differences to the first observed value: exactly 0 for a constant column.
    let origin = Number.NaN;
    let count = 0;
    let sum = 0;
    for (let index = column; index < values.length; index += columns) {
      const value = values[index]!;
      if (Number.isNaN(value)) continue;
      if (count++ === 0) origin = value;
      sum += value - origin;
    }
    if (count === 0) continue;
    const center = origin + sum / count;
    let squares = 0;
    for (let index = column; index < values.length; index += columns) {
      const value = values[index]!;
      if (!Number.isNaN(value)) squares += (value - center) ** 2;
    }
    mean[column] = center;
    deviation[column] = Math.sqrt(squares / count) || 1;
  }
  return { mean, deviation };
}

/**
 * Standardised rows, their tails drawn in by the inverse hyperbolic sine (about x near 0, about ±log(2|x|) far out;
 * Burbidge, Magee & Robb 1988): the order of the values stays, and one extreme value can't blow up a network. Infinities
 * count as the float32 of largest magnitude.
 */
export function asinhScaled(rows: Matrix, { mean, deviation }: AsinhScaling): ScaledRows {
  const { columns } = rows;
  const values = new Float32Array(rows.values.length);
  const observed = new Float32Array(rows.values.length);
  for (let start = 0; start < values.length; start += columns) {
    for (let column = 0; column < columns; column++) {
      const value = rows.values[start + column]!;
      if (Number.isNaN(value)) continue;
      const finite = Math.min(Math.max(value, -FLOAT32_MAX), FLOAT32_MAX);
      values[start + column] = Math.asinh((finite - mean[column]!) / deviation[column]!);
      observed[start + column] = 1;
    }
  }
  return { values: { ...rows, values }, observed: { ...rows, values: observed } };
}
