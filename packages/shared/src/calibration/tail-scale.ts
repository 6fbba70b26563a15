/** Share of the scores, the highest ones, whose mean excess tells how fast the tail falls. */
const TAIL_SHARE = 0.1;
/** Of the largest score: stands for a scale where all scores are equal. */
const SMALLEST_RELATIVE_SCALE = 2 ** -20;

/**
 * Scale b of the exponential tail that continues a distribution of scores beyond the largest one seen,
 * P(excess > x) = exp(−x/b): the mean excess of the highest tenth over the next score, the maximum-likelihood estimate for
 * excesses over a threshold (Davison & Smith 1990, with shape 0). Where the highest tenth are all equal, the mean excess
 * of all over the lowest. Always positive.
 *
 * Taken from scores of *training* rows. Calibration rows would be closer, but then the scale would depend on the very rows
 * that are ranked by it: each row would need a scale of its own, from the others, for the ranks to stay exact, and a row
 * could become less extreme by scoring higher.
 *
 * `scores`: finite, at least one.
 */
export function tailScale(scores: Float32Array): number {
  const sorted = scores.toSorted();
  const count = sorted.length;
  const inTail = Math.ceil(TAIL_SHARE * count);
  const excess = mean(sorted.subarray(count - inTail)) - sorted[Math.max(count - 1 - inTail, 0)]!;
  if (excess > 0) return excess;
  const spread = mean(sorted) - sorted[0]!;
  return spread > 0 ? spread : SMALLEST_RELATIVE_SCALE * Math.max(Math.abs(sorted[count - 1]!), 1);
}

function mean(scores: Float32Array): number {
  let total = 0;
  for (const score of scores) total += score;
  return total / scores.length;
}
