import type { Matrix } from './matrix.ts';

/** An ellipsoid around rows: the squared Mahalanobis distance of a row x is ‖(x − mean) · whitening‖². */
export interface Ellipsoid {
  dimensions: number;
  mean: Float32Array;
  /**
   * [dimensions, dimensions], upper triangular; or [dimensions], its diagonal, where there are more than
   * `MOST_CORRELATED_DIMENSIONS`.
   */
  whitening: Float32Array;
}

/** Above this the covariances themselves are left out: their number grows with the square. */
export const MOST_CORRELATED_DIMENSIONS = 300;

/**
 * Mean and covariance of `rows`, with `ridge` added to the variances. `observed` (0 or 1 for each value, all 1 unless
 * given): what was not observed counts as the mean, as in `squaredDistance`.
 */
export function fitEllipsoid(rows: Matrix, { ridge, observed }: { ridge: number; observed?: Matrix }): Ellipsoid {
  const { columns: dimensions, values } = rows;
  const seen = observed?.values;
  const mean = Float32Array.from({ length: dimensions }, (_, column) => {
    let sum = 0;
    let count = 0;
    for (let index = column; index < values.length; index += dimensions) {
      if (seen !== undefined && seen[index] === 0) continue;
      sum += values[index]!;
      count++;
    }
    return count === 0 ? 0 : sum / count;
  });
  const centred = Float64Array.from(values, (value, index) =>
    seen !== undefined && seen[index] === 0 ? 0 : value - mean[index % dimensions]!,
  );
  const whitening =
    dimensions > MOST_CORRELATED_DIMENSIONS
      ? inverseDeviations(centred, dimensions, ridge)
      : inverseCholesky(covariance(centred, dimensions, ridge), dimensions);
  return { dimensions, mean, whitening: Float32Array.from(whitening) };
}

/**
 * Positions, ascending, of all rows but the share (rounded down) that lies farthest away. Fitting an ellipsoid to these once
 * more is a concentration step of FAST-MCD (Rousseeuw & Van Driessen 1999): anomalies no longer widen it.
 */
export function nearestRows(distances: Float64Array, leftOutShare: number): Int32Array {
  const kept = distances.length - Math.floor(leftOutShare * distances.length);
  return Int32Array.from(distances.keys())
    .sort((a, b) => distances[a]! - distances[b]! || a - b)
    .subarray(0, kept)
    .sort();
}

/** Of `row`, starting at `start` in `values`. What `observed` marks with 0 counts as the mean. */
export function squaredDistance(
  { dimensions, mean, whitening }: Ellipsoid,
  values: ArrayLike<number>,
  start = 0,
  observed?: ArrayLike<number>,
): number {
  const isDiagonal = whitening.length === dimensions;
  let total = 0;
  for (let column = 0; column < dimensions; column++) {
    let sum = 0;
    for (let row = isDiagonal ? column : 0; row <= column; row++) {
      if (observed !== undefined && observed[start + row] === 0) continue;
      const weight = whitening[isDiagonal ? row : row * dimensions + column]!;
      sum += (values[start + row]! - mean[row]!) * weight;
    }
    total += sum * sum;
  }
  return total;
}

function inverseDeviations(centred: Float64Array, dimensions: number, ridge: number): Float64Array {
  const squares = new Float64Array(dimensions);
  centred.forEach((value, index) => {
    squares[index % dimensions]! += value * value;
  });
  const divisor = Math.max(centred.length / dimensions - 1, 1);
  return squares.map((sum) => 1 / Math.sqrt(sum / divisor + ridge));
}

/** Unbiased, with `ridge` on the diagonal; the lower triangle alone is filled in. */
function covariance(centred: Float64Array, dimensions: number, ridge: number): Float64Array {
  const matrix = new Float64Array(dimensions * dimensions);
  for (let start = 0; start < centred.length; start += dimensions) {
    for (let row = 0; row < dimensions; row++) {
      const value = centred[start + row]!;
      for (let column = 0; column <= row; column++) {
        matrix[row * dimensions + column]! += value * centred[start + column]!;
      }
    }
  }
  const divisor = Math.max(centred.length / dimensions - 1, 1);
  for (let index = 0; index < matrix.length; index++) matrix[index]! /= divisor;
  for (let row = 0; row < dimensions; row++) matrix[row * (dimensions + 1)]! += ridge;
  return matrix;
}

/**
 * The transposed inverse of L, where L·Lᵀ is the symmetric positive definite `matrix` (lower triangle): upper triangular.
 */
function inverseCholesky(matrix: Float64Array, n: number): Float64Array {
  const lower = new Float64Array(n * n);
  for (let row = 0; row < n; row++) {
    for (let column = 0; column <= row; column++) {
      let sum = matrix[row * n + column]!;
      for (let k = 0; k < column; k++) sum -= lower[row * n + k]! * lower[column * n + k]!;
      lower[row * n + column] = row === column ? Math.sqrt(sum) : sum / lower[column * (n + 1)]!;
    }
  }
  const inverse = new Float64Array(n * n);
  for (let column = 0; column < n; column++) {
    for (let row = column; row < n; row++) {
      let sum = row === column ? 1 : 0;
      for (let k = column; k < row; k++) sum -= lower[row * n + k]! * inverse[column * n + k]!;
      inverse[column * n + row] = sum / lower[row * (n + 1)]!;
    }
  }
  return inverse;
}
