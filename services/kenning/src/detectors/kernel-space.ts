import type { Matrix } from './matrix.ts';
import { OPERATIONS_PER_STEP, type Steps } from './run-in-steps.ts';

/** A number, or `scale`: 1/(columns · variance of all standardised values), as scikit-learn has it. */
export type Gamma = number | 'scale';

/**
 * How a row is standardised and scaled so that the RBF kernel is exp(−‖u − v‖²):
 * u = (x − mean)/scale with scale = sd/√γ, in float32 as ONNX Runtime computes it, so that both agree to the last bit.
 */
export interface KernelSpace {
  /** Mean of each training column. */
  mean: Float32Array;
  /** Standard deviation of each training column (1 where it is constant) divided by √γ. */
  scale: Float32Array;
  /**
   * Coordinates are clipped to ±`clip`. In a coordinate that is clipped, every training row is so far away that the kernel
   * is 0 in float32, clipped or not: no score changes, and no input is too large for float32.
   */
  clip: number;
}

/** Inputs are clipped to ±this, so that differences and deviations stay far from overflow. */
export const LARGEST_INPUT = 2 ** 100;
/** A column with a smaller deviation counts as constant: dividing by it would leave the normal float32 numbers. */
const SMALLEST_DEVIATION = 2 ** -100;
/** e^−(10.25²) is below the smallest float32. */
const KERNEL_REACH = 10.25;
const GAMMA_RANGE = [1e-12, 1e12] as const;

/** The kernel space of the training rows, and the γ in it. `rows`: finite. A step is a pass over a column or all values. */
export function* fitKernelSpace(rows: Matrix, gamma: Gamma): Steps<{ space: KernelSpace; gamma: number }> {
  const mean = new Float32Array(rows.columns);
  const scale = new Float32Array(rows.columns);
  for (let column = 0; column < rows.columns; column++) {
    const moments = columnMoments(rows, column);
    mean[column] = moments.mean;
    scale[column] = moments.deviation < SMALLEST_DEVIATION ? 1 : moments.deviation;
    if ((column * rows.rows) % OPERATIONS_PER_STEP < rows.rows) yield (0.4 * column) / rows.columns;
  }
  let used = gamma;
  if (used === 'scale') {
    const standardised = toKernelSpace({ mean, scale, clip: LARGEST_INPUT }, rows);
    yield 0.5;
    used = scaleGamma(standardised);
    yield 0.6;
  }
  if (!(used >= GAMMA_RANGE[0] && used <= GAMMA_RANGE[1])) {
    throw new RangeError(`gamma must be 'scale' or a number in [${GAMMA_RANGE.join(', ')}], not ${gamma}`);
  }
  for (let column = 0; column < rows.columns; column++) scale[column] = scale[column]! / Math.sqrt(used);
  const unclipped = toKernelSpace({ mean, scale, clip: LARGEST_INPUT }, rows);
  yield 0.8;
  let furthest = 0;
  for (const value of unclipped.values) furthest = Math.max(furthest, Math.abs(value));
  return { space: { mean, scale, clip: Math.fround(furthest * (1 + 2 ** -20) + KERNEL_REACH) }, gamma: used };
}

/** The rows in kernel space; a copy. */
export function toKernelSpace({ mean, scale, clip }: KernelSpace, rows: Matrix): Matrix {
  const { columns } = rows;
  const values = new Float32Array(rows.values.length);
  for (let start = 0; start < values.length; start += columns) {
    for (let column = 0; column < columns; column++) {
      const centred = Math.fround(clamp(rows.values[start + column]!, LARGEST_INPUT) - mean[column]!);
      values[start + column] = clamp(Math.fround(centred / scale[column]!), clip);
    }
  }
  return { ...rows, values };
}

function columnMoments({ values, rows, columns }: Matrix, column: number): { mean: number; deviation: number } {
  let sum = 0;
  for (let index = column; index < values.length; index += columns) sum += clamp(values[index]!, LARGEST_INPUT);
  const mean = sum / rows;
  let squares = 0;
  for (let index = column; index < values.length; index += columns) {
    squares += (clamp(values[index]!, LARGEST_INPUT) - mean) ** 2;
  }
  return { mean, deviation: Math.sqrt(squares / rows) };
}

function scaleGamma({ values, columns }: Matrix): number {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return squares === 0 ? 1 : 1 / (columns * (squares / values.length));
}

function clamp(value: number, limit: number): number {
  return Math.min(Math.max(value, -limit), limit);
}
