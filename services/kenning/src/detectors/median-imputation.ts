import { FLOAT32_MAX } from './float32.ts';
import { type Matrix, observations } from './matrix.ts';
import { quickselect } from './quickselect.ts';

/**
 * Median of the observed values of each column, as float32; 0 for a column that was never observed.
 * The lower one of the two middle values, so that the median is always a value that was seen.
 */
export function fitMedians(rows: Matrix): Float32Array {
  return Float32Array.from({ length: rows.columns }, (_, column) => {
    const observed = observations(rows, column);
    return observed.length === 0 ? 0 : clamp(quickselect(observed, (observed.length - 1) >> 1));
  });
}

/**
 * A copy without NaN and infinities: NaN becomes the median of its column, ±Infinity the float32 of largest magnitude.
 *
 * An infinite value stays the most extreme one that way: leaving it would make split ranges infinite in training, and
 * taking it for missing would make an extreme row look typical. A model that only compares (`x <= threshold`) orders
 * ±Infinity and ±FLOAT32_MAX alike, so its ONNX graph needs no clamp; a model that computes has to bring its own.
 */
export function imputeMissing(rows: Matrix, medians: Float32Array): Matrix {
  if (medians.length !== rows.columns) {
    throw new RangeError(`${medians.length} medians don't fit rows of ${rows.columns} columns`);
  }
  const { columns } = rows;
  const values = new Float32Array(rows.values.length);
  for (let start = 0; start < values.length; start += columns) {
    for (let column = 0; column < columns; column++) {
      const value = rows.values[start + column]!;
      values[start + column] = Number.isNaN(value) ? medians[column]! : clamp(value);
    }
  }
  return { ...rows, values };
}

/** A copy in which ±Infinity is the float32 of largest magnitude, as above, and NaN stays: for models that take it. */
export function limitInfinite(rows: Matrix): Matrix {
  return { ...rows, values: rows.values.map(clamp) };
}

function clamp(value: number): number {
  return Math.min(Math.max(value, -FLOAT32_MAX), FLOAT32_MAX);
}
