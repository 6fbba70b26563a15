import type { Random } from '@liminal/shared/runtime/random';
import { type Matrix, takeRows } from './matrix.ts';
import { kernelOperations, rbfKernelRow } from './rbf-kernel.ts';
import { OPERATIONS_PER_STEP, type Steps } from './run-in-steps.ts';

/** K ≈ F·Fᵀ for the RBF kernel of some points. */
export interface KernelFactor {
  /** The chosen points, in the order of choice. */
  pivots: Int32Array;
  /** F [points, rank], row-major with `capacity` values a row, of which the first rank = `pivots.length` are used. */
  factor: Float32Array;
  capacity: number;
  /** L [rank, capacity]: the rows of F at the pivots, lower triangular, in float64. K(pivots, pivots) = L·Lᵀ. */
  triangle: Float64Array;
}

/** No pivot is taken whose kernel function lies that close to the span of the ones before: dividing by it is noise. */
const SMALLEST_RESIDUAL = 1e-3;

/**
 * Randomly pivoted Cholesky (Chen, Epperly, Tropp & Webber 2024, algorithm 2.1): a Nyström approximation whose landmarks are
 * drawn in proportion to what the ones before leave unexplained. O(rows · rank²).
 */
export function* pivotedCholesky(points: Matrix, capacity: number, random: Random): Steps<KernelFactor> {
  const { rows, columns, values } = points;
  const factor = new Float32Array(rows * capacity);
  const triangle = new Float64Array(capacity * capacity);
  const residual = new Float64Array(rows).fill(1);
  const pivots = new Int32Array(capacity);
  const kernel = new Float64Array(rows);
  let rank = 0;
  let operations = 0;
  while (rank < capacity) {
    const pivot = draw(residual, random);
    if (pivot < 0) break;
    pivots[rank] = pivot;
    const pivotRow = triangle.subarray(rank * capacity, rank * capacity + rank + 1);
    const chunk = Math.max(1, Math.floor(OPERATIONS_PER_STEP / (rank + 2 * kernelOperations(columns))));
    // The row of the pivot itself first: the others are divided by its last element.
    rbfKernelRow(values, pivot * columns, takeRows(points, pivots.subarray(0, rank)), 0, rank, pivotRow);
    for (let earlier = 0; earlier < rank; earlier++) solveRow(triangle, capacity, earlier, pivotRow);
    let own = 1;
    for (let column = 0; column < rank; column++) own -= pivotRow[column]! * pivotRow[column]!;
    pivotRow[rank] = Math.sqrt(Math.max(own, SMALLEST_RESIDUAL));
    for (let start = 0; start < rows; start += chunk) {
      const end = Math.min(start + chunk, rows);
      rbfKernelRow(values, pivot * columns, points, start, end, kernel);
      addColumn({ factor, capacity, rank, pivotRow, kernel, residual }, start, end);
      operations += (end - start) * (rank + kernelOperations(columns));
      if (operations < OPERATIONS_PER_STEP) continue;
      operations = 0;
      yield (rank / capacity) ** 2;
    }
    residual[pivot] = 0;
    rank++;
  }
  return { pivots: pivots.slice(0, rank), factor, capacity, triangle };
}

interface ColumnInWork {
  factor: Float32Array;
  capacity: number;
  rank: number;
  pivotRow: Float64Array;
  kernel: Float64Array;
  residual: Float64Array;
}

function addColumn(work: ColumnInWork, start: number, end: number): void {
  const { factor, capacity, rank, pivotRow, kernel, residual } = work;
  const scale = 1 / pivotRow[rank]!;
  const put = (row: number, value: number): void => {
    factor[row * capacity + rank] = value * scale;
    const left = residual[row]! - (value * scale) ** 2;
    residual[row] = left < SMALLEST_RESIDUAL ? 0 : left;
  };
  // Four rows at a time: their sums don't wait for one another, which halves the time.
  const whole = end - ((end - start) & 3);
  let row = start;
  for (; row < whole; row += 4) {
    const first = row * capacity;
    const second = first + capacity;
    const third = second + capacity;
    const fourth = third + capacity;
    let a = kernel[row]!;
    let b = kernel[row + 1]!;
    let c = kernel[row + 2]!;
    let d = kernel[row + 3]!;
    for (let column = 0; column < rank; column++) {
      const value = pivotRow[column]!;
      a -= factor[first + column]! * value;
      b -= factor[second + column]! * value;
      c -= factor[third + column]! * value;
      d -= factor[fourth + column]! * value;
    }
    put(row, a);
    put(row + 1, b);
    put(row + 2, c);
    put(row + 3, d);
  }
  for (; row < end; row++) {
    let value = kernel[row]!;
    for (let column = 0; column < rank; column++) value -= factor[row * capacity + column]! * pivotRow[column]!;
    put(row, value);
  }
}

/** Forward substitution of one unknown: row[index] = (row[index] − Σ L[index, ·]·row[·]) / L[index, index]. */
function solveRow(triangle: Float64Array, capacity: number, index: number, row: Float64Array): void {
  const offset = index * capacity;
  let value = row[index]!;
  for (let column = 0; column < index; column++) value -= triangle[offset + column]! * row[column]!;
  row[index] = value / triangle[offset + index]!;
}

/** An index drawn in proportion to the weights; −1 where all are 0. */
function draw(weights: Float64Array, random: Random): number {
  let total = 0;
  for (let index = 0; index < weights.length; index++) total += weights[index]!;
  if (total === 0) return -1;
  let left = random.next() * total;
  let last = -1;
  for (let index = 0; index < weights.length; index++) {
    if (weights[index] === 0) continue;
    last = index;
    left -= weights[index]!;
    if (left < 0) break;
  }
  return last;
}

/** β with L·ᵀβ = w: what a weight vector on the columns of F is as coefficients of the pivots' kernel functions. */
export function pivotCoefficients({ triangle, capacity, pivots }: KernelFactor, weights: Float64Array): Float64Array {
  const coefficients = weights.slice(0, pivots.length);
  for (let index = pivots.length - 1; index >= 0; index--) {
    let value = coefficients[index]!;
    for (let later = index + 1; later < pivots.length; later++) {
      value -= triangle[later * capacity + index]! * coefficients[later]!;
    }
    coefficients[index] = value / triangle[index * capacity + index]!;
  }
  return coefficients;
}
