/** Relative error that a quantile read from the buckets may have. */
export const DURATION_ERROR = 0.02;
/** Shorter ones are all alike: 0. */
const SHORTEST_MS = 0.1;
const GROWTH = (1 + DURATION_ERROR) / (1 - DURATION_ERROR);
const BUCKETS_PER_UNIT_OF_LOG = 1 / Math.log(GROWTH);
const LOG_SHORTEST = Math.log(SHORTEST_MS);

/**
 * Logarithmic buckets as in DDSketch (Masson, Rim, Lee 2019): bucket i > 0 holds durations in (0.1 ms · γ^(i−1), 0.1 ms · γ^i],
 * γ = 1.02/0.98, the last one also all longer ones, from 14 minutes. Counts of several sketches simply add up.
 */
export const DURATION_BUCKETS = 400;

export function durationBucket(durationMs: number): number {
  // Also where the duration is NaN.
  if (!(durationMs > SHORTEST_MS)) return 0;
  const bucket = Math.ceil((Math.log(durationMs) - LOG_SHORTEST) * BUCKETS_PER_UNIT_OF_LOG);
  return bucket < DURATION_BUCKETS ? bucket : DURATION_BUCKETS - 1;
}

/**
 * The duration at position ⌊q·(n − 1)⌋ of n sorted ones, in ms, off by at most 2%. NaN without any.
 *
 * @param counts by bucket
 */
export function durationQuantile(counts: ArrayLike<number>, q: number): number {
  let total = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) total += counts[bucket]!;
  if (total === 0) return Number.NaN;
  const position = Math.floor(q * (total - 1));
  let below = 0;
  let bucket = 0;
  for (; bucket < counts.length - 1; bucket++) {
    below += counts[bucket]!;
    if (below > position) break;
  }
  return bucket === 0 ? 0 : (SHORTEST_MS * 2 * GROWTH ** bucket) / (GROWTH + 1);
}
