import { choleskyFactor, choleskySolve } from '@liminal/shared/shapley/cholesky';

export interface LinearFit {
  intercept: number;
  coefficients: Float64Array;
  /** Share of the weighted variance of the target that the fit explains, at most 1; 1 where nothing varies. */
  r2: number;
}

/**
 * Least squares with weights and a penalty on the coefficients, not on the intercept: minimises
 * Σ w (y − b − x·β)² + ridge·|β|² (Hoerl & Kennard 1970).
 *
 * `design`: row-major [rows, columns]; `target`, `weights`: one a row, weights above 0.
 */
export function weightedRidge(
  design: Float64Array,
  target: ArrayLike<number>,
  weights: ArrayLike<number>,
  ridge: number,
): LinearFit {
  const rows = target.length;
  const columns = design.length / rows;
  const means = new Float64Array(columns);
  let totalWeight = 0;
  let targetMean = 0;
  for (let row = 0; row < rows; row++) {
    totalWeight += weights[row]!;
    targetMean += weights[row]! * target[row]!;
    for (let column = 0; column < columns; column++) means[column]! += weights[row]! * design[row * columns + column]!;
  }
  targetMean /= totalWeight;
  for (let column = 0; column < columns; column++) means[column]! /= totalWeight;

  const normal = new Float64Array(columns * columns);
  const right = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    for (let first = 0; first < columns; first++) {
      const x = weights[row]! * (design[row * columns + first]! - means[first]!);
      right[first]! += x * (target[row]! - targetMean);
      for (let second = 0; second < columns; second++) {
        normal[first * columns + second]! += x * (design[row * columns + second]! - means[second]!);
      }
    }
  }
  for (let column = 0; column < columns; column++) normal[column * columns + column]! += ridge;
  const coefficients = choleskySolve(choleskyFactor(normal, columns), right);
  const intercept = targetMean - coefficients.reduce((sum, slope, column) => sum + slope * means[column]!, 0);

  let unexplained = 0;
  let variance = 0;
  for (let row = 0; row < rows; row++) {
    let fitted = intercept;
    for (let column = 0; column < columns; column++) fitted += coefficients[column]! * design[row * columns + column]!;
    unexplained += weights[row]! * (target[row]! - fitted) ** 2;
    variance += weights[row]! * (target[row]! - targetMean) ** 2;
  }
  return { intercept, coefficients, r2: variance === 0 ? 1 : 1 - unexplained / variance };
}
