import type { Matrix } from './matrix.ts';

const TABLE_BITS = 6;
const TABLE_SIZE = 1 << TABLE_BITS;
const STEP = Math.LN2 / TABLE_SIZE;
/** Beyond it, e^−t is below the smallest normal float64. */
const LARGEST_EXPONENT = 708;
const FRACTIONS = Float64Array.from({ length: TABLE_SIZE }, (_, index) => 2 ** (-index / TABLE_SIZE));
const WHOLES = Float64Array.from({ length: 1024 }, (_, index) => 2 ** -index);

/**
 * e^−t for t ≥ 0, relative error below 2e-12: t = k·ln2/64 + r, e^−t = 2^−⌊k/64⌋ · 2^−(k mod 64)/64 · Taylor(−r).
 * Twice as fast as `Math.exp`, which can't be inlined, and the same on every machine.
 */
export function expNegative(t: number): number {
  if (t > LARGEST_EXPONENT) return 0;
  const k = (t / STEP) | 0;
  const r = k * STEP - t;
  return (
    WHOLES[k >> TABLE_BITS]! * FRACTIONS[k & (TABLE_SIZE - 1)]! * (1 + r * (1 + r * (0.5 + r * (1 / 6 + r * (1 / 24)))))
  );
}

/**
 * out[j] = exp(−‖x − p_j‖²) for the points j in [start, end), x being the `columns` values of `query` from `queryStart`.
 * Rows are in kernel space (see `kernel-space.ts`), where γ = 1. Differences and not norms, so that close rows far from
 * the origin lose nothing.
 */
export function rbfKernelRow(
  query: Float32Array,
  queryStart: number,
  { values, columns }: Matrix,
  start: number,
  end: number,
  out: Float32Array | Float64Array,
): void {
  // Four points at a time: their sums don't wait for one another, which halves the time.
  const whole = end - ((end - start) & 3);
  let point = start;
  let first = start * columns;
  for (; point < whole; point += 4, first += 4 * columns) {
    const second = first + columns;
    const third = second + columns;
    const fourth = third + columns;
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    for (let column = 0; column < columns; column++) {
      const value = query[queryStart + column]!;
      const toFirst = value - values[first + column]!;
      const toSecond = value - values[second + column]!;
      const toThird = value - values[third + column]!;
      const toFourth = value - values[fourth + column]!;
      a += toFirst * toFirst;
      b += toSecond * toSecond;
      c += toThird * toThird;
      d += toFourth * toFourth;
    }
    out[point] = expNegative(a);
    out[point + 1] = expNegative(b);
    out[point + 2] = expNegative(c);
    out[point + 3] = expNegative(d);
  }
  for (; point < end; point++, first += columns) {
    let squared = 0;
    for (let column = 0; column < columns; column++) {
      const difference = query[queryStart + column]! - values[first + column]!;
      squared += difference * difference;
    }
    out[point] = expNegative(squared);
  }
}

/** Σ c_j · exp(−‖x − p_j‖²), the kernel expansion at x. */
export function rbfExpansion(
  query: Float32Array,
  queryStart: number,
  { values, columns, rows }: Matrix,
  coefficients: Float64Array,
): number {
  let sum = 0;
  for (let point = 0, offset = 0; point < rows; point++, offset += columns) {
    let squared = 0;
    for (let column = 0; column < columns; column++) {
      const difference = query[queryStart + column]! - values[offset + column]!;
      squared += difference * difference;
    }
    sum += coefficients[point]! * expNegative(squared);
  }
  return sum;
}

/** What one kernel value of rows with so many columns costs, in multiply-adds. */
export function kernelOperations(columns: number): number {
  return columns + 8;
}
