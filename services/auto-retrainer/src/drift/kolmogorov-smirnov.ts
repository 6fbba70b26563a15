/** Up to this many steps the exact distribution is computed; it takes one step for each pair of values. */
const MOST_EXACT_STEPS = 1_000_000;
/** The exact probability is 1 minus a sum near 1: below this only the asymptotic one has digits. */
const SMALLEST_EXACT = 1e-10;

/** Largest distance between the empirical distribution functions of two ascending samples, in [0, 1]. */
export function ksStatistic(left: Float64Array, right: Float64Array): number {
  let largest = 0;
  let leftIndex = 0;
  let rightIndex = 0;
  while (leftIndex < left.length && rightIndex < right.length) {
    const value = Math.min(left[leftIndex]!, right[rightIndex]!);
    // All equal values at once: the functions are compared after their common step.
    while (left[leftIndex] === value) leftIndex++;
    while (right[rightIndex] === value) rightIndex++;
    largest = Math.max(largest, Math.abs(leftIndex / left.length - rightIndex / right.length));
  }
  return largest;
}

/**
 * Two-sided p-value of a two-sample Kolmogorov–Smirnov statistic: exact up to a million pairs, asymptotic above. With
 * ties it is larger than need be, never smaller.
 */
export function ksPValue(statistic: number, leftRows: number, rightRows: number): number {
  const asymptotic = kolmogorovTail(Math.sqrt((leftRows * rightRows) / (leftRows + rightRows)) * statistic);
  if (leftRows * rightRows > MOST_EXACT_STEPS || asymptotic < SMALLEST_EXACT) return asymptotic;
  return exactKsPValue(statistic, leftRows, rightRows);
}

/**
 * P(D ≥ statistic): the share of the monotone lattice paths from (0, 0) to (m, n) that leave the band |i/m − j/n| <
 * statistic (Hodges 1958; normalised at each step, so that no count overflows).
 */
export function exactKsPValue(statistic: number, leftRows: number, rightRows: number): number {
  // Half a step below the statistic: possible statistics are multiples of 1/(m·n).
  const band = (Math.floor(statistic * leftRows * rightRows - 1e-7) + 0.5) / (leftRows * rightRows);
  const inside = new Float64Array(rightRows + 1);
  for (let right = 0; right <= rightRows; right++) inside[right] = right / rightRows > band ? 0 : 1;
  for (let left = 1; left <= leftRows; left++) {
    const weight = left / (left + rightRows);
    inside[0] = left / leftRows > band ? 0 : inside[0]! * weight;
    for (let right = 1; right <= rightRows; right++) {
      const isOutside = Math.abs(left / leftRows - right / rightRows) > band;
      inside[right] = isOutside ? 0 : inside[right]! * weight + inside[right - 1]!;
    }
  }
  return Math.min(Math.max(1 - inside[rightRows]!, 0), 1);
}

/**
 * P(K ≥ x) of Kolmogorov's distribution: 2 Σ (−1)^(k−1) e^(−2k²x²), and for small x Jacobi's form of the same, which
 * converges there (Marsaglia, Tsang & Wang 2003, section 1).
 */
export function kolmogorovTail(x: number): number {
  if (x <= 0) return 1;
  if (x < 1) {
    let sum = 0;
    for (let odd = 1; odd <= 9; odd += 2) sum += Math.exp((-odd * odd * Math.PI * Math.PI) / (8 * x * x));
    return 1 - (Math.sqrt(2 * Math.PI) / x) * sum;
  }
  let sum = 0;
  for (let k = 1; k <= 9; k++) sum += (k % 2 === 1 ? 2 : -2) * Math.exp(-2 * k * k * x * x);
  return sum;
}
