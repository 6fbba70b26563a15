import { FEATURE_COUNT, LOGIN_INTERVALS } from '@liminal/shared/contracts/feature-vector';

/** Of the time in which the middle half of the rows lies. */
const LONGEST_SHARE = 0.5;

/**
 * The longest interval between events of a user, in ms, that rows can tell of: half the time from their first to their third
 * quartile, which is a quarter of the time over which rows that come evenly are spread. A row shows an interval only where
 * both of its ends are behind it and neither is before the beginning, so that a platform's first day has hardly any
 * of half a day, and its second day has many.
 *
 * Not of the whole time: a few rows from long before, as somebody tried it out, would make it meaningless.
 * `ts`: event times, ascending.
 */
export function longestInterval(ts: ArrayLike<number>): number {
  const at = (share: number): number => ts[Math.floor(share * (ts.length - 1))] ?? 0;
  return LONGEST_SHARE * (at(0.75) - at(0.25));
}

/** Limits of the features as `rightCensored` takes them: all of them look back over the window alone but one. */
export function censoringLimits(longestIntervalMs: number): Float32Array {
  const limits = new Float32Array(FEATURE_COUNT).fill(Number.POSITIVE_INFINITY);
  limits[LOGIN_INTERVALS] = longestIntervalMs / 1000;
  return limits;
}
