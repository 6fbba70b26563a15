import type { Matrix } from './matrix.ts';

/** What turns a column into one of mean 0 and standard deviation 1: z = (x − mean) / deviation, clipped. */
export interface Standardisation {
  /** One a column. */
  mean: Float32Array;
  /** Population standard deviation, one a column; 1 where a column does not vary. */
  deviation: Float32Array;
}

/**
 * Standardised values end here. Further out than this nothing tells rows apart, and squares and sums of what is left
 * stay far from the end of float32, whatever came in.
 */
export const STANDARDISED_LIMIT = 1e4;

/** The smallest normal float32: a smaller deviation has lost its digits. */
const SMALLEST_DEVIATION = 1.1754943508222875e-38;

/** `rows`: finite, at least one. */
export function fitStandardisation({ values, rows, columns }: Matrix): Standardisation {
  const mean = new Float32Array(columns);
  const deviation = new Float32Array(columns);
  for (let column = 0; column < columns; column++) {
    let sum = 0;
    for (let index = column; index < values.length; index += columns) sum += values[index]!;
    const center = sum / rows;
    let squares = 0;
    for (let index = column; index < values.length; index += columns) squares += (values[index]! - center) ** 2;
    mean[column] = center;
    const rounded = Math.fround(Math.sqrt(squares / rows));
    deviation[column] = rounded < SMALLEST_DEVIATION ? 1 : rounded;
  }
  return { mean, deviation };
}

/**
 * Standardised copy of `rows`, clipped at ±`STANDARDISED_LIMIT`. Each step is rounded to float32, as the same steps are
 * in ONNX Runtime: both get the same bits, and equal rows stay at distance 0.
 */
export function standardise(rows: Matrix, { mean, deviation }: Standardisation): Matrix {
  const { columns } = rows;
  const values = new Float32Array(rows.values.length);
  for (let start = 0; start < values.length; start += columns) {
    for (let column = 0; column < columns; column++) {
      const centered = Math.fround(rows.values[start + column]! - mean[column]!);
      const scaled = Math.fround(centered / deviation[column]!);
      values[start + column] = Math.min(Math.max(scaled, -STANDARDISED_LIMIT), STANDARDISED_LIMIT);
    }
  }
  return { ...rows, values };
}
