/** What both solvers of the one-class SVM's dual share: 0 ≤ α ≤ 1, Σα = νn, gradient G = K·α. */

const BOUND_ROUNDING = 1e-12;

/** ρ from the optimality conditions: α = 1 where the gradient is below it, α = 0 where it is above, between where equal. */
export function offsetOf(alpha: Float64Array, gradient: Float64Array): number {
  let sum = 0;
  let free = 0;
  let lower = Number.NEGATIVE_INFINITY;
  let upper = Number.POSITIVE_INFINITY;
  for (let row = 0; row < alpha.length; row++) {
    if (alpha[row]! >= 1) lower = Math.max(lower, gradient[row]!);
    else if (alpha[row]! <= 0) upper = Math.min(upper, gradient[row]!);
    else {
      sum += gradient[row]!;
      free++;
    }
  }
  if (free > 0) return sum / free;
  // With ν = 1 every row is at its upper bound, and nothing bounds ρ from above.
  return Number.isFinite(upper) ? (lower + upper) / 2 : lower;
}

/** α, a bound where it is one but for rounding: what lies between the bounds fixes ρ, so nothing may seem to. */
export function atBound(alpha: number): number {
  return alpha < BOUND_ROUNDING ? 0 : alpha > 1 - BOUND_ROUNDING ? 1 : alpha;
}
