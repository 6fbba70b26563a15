/**
 * Lower factor L of a symmetric positive definite matrix A = L·Lᵀ, row-major [size, size]. Throws `RangeError` for a
 * matrix that is not: the equations it came from leave some unknown open.
 */
export function choleskyFactor(matrix: Float64Array, size: number): Float64Array {
  const factor = new Float64Array(matrix.length);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= row; column++) {
      let sum = matrix[row * size + column]!;
      for (let k = 0; k < column; k++) sum -= factor[row * size + k]! * factor[column * size + k]!;
      if (row !== column) factor[row * size + column] = sum / factor[column * size + column]!;
      else if (sum > PIVOT_TOLERANCE * matrix[row * size + row]!) factor[row * size + row] = Math.sqrt(sum);
      else throw new RangeError('the matrix is singular');
    }
  }
  return factor;
}

/** Below this share of its diagonal element a pivot is rounding. */
const PIVOT_TOLERANCE = 1e-12;

/** x of A·x = right, A = L·Lᵀ given by `choleskyFactor`. */
export function choleskySolve(factor: Float64Array, right: ArrayLike<number>): Float64Array {
  const size = right.length;
  const solution = Float64Array.from(right);
  for (let row = 0; row < size; row++) {
    for (let k = 0; k < row; k++) solution[row]! -= factor[row * size + k]! * solution[k]!;
    solution[row]! /= factor[row * size + row]!;
  }
  for (let row = size - 1; row >= 0; row--) {
    for (let k = row + 1; k < size; k++) solution[row]! -= factor[k * size + row]! * solution[k]!;
    solution[row]! /= factor[row * size + row]!;
  }
  return solution;
}
