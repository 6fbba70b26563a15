import type { SeriesHistory } from './series-history.ts';

/** Newest values that the newest one is not compared with: neighbours in time are alike without saying anything. */
const SKIPPED_VALUES = 1;
const SKIPPED_STATES = 3;

const runs = new Int32Array(4);

// A missing value is NaN, and no comparison with it holds: it is nobody's neighbour.

/**
 * Square root of the distance of the newest value to the nearest one before it: has the series ever been here? NaN without a
 * past. The root draws the long tail of distances in, so that mean and deviation describe them.
 */
export function valueNovelty(history: SeriesHistory): number {
  const { values } = history;
  const value = values[history.at(0)]!;
  const ends = history.placesBefore(1 + SKIPPED_VALUES, runs);
  let nearest = Number.POSITIVE_INFINITY;
  for (let run = 0; run < ends; run += 2) {
    const end = runs[run + 1]!;
    for (let place = runs[run]!; place < end; place++) {
      const distance = Math.abs(values[place]! - value);
      if (distance < nearest) nearest = distance;
    }
  }
  return noveltyOf(nearest);
}

/**
 * Square root of the Euclidean distance of the newest state (value, fast and slow moving average) to the nearest one before
 * it: has the series ever come here this way? NaN without a past.
 */
export function motionNovelty(history: SeriesHistory): number {
  const { values, fast, slow } = history;
  const newest = history.at(0);
  const value = values[newest]!;
  const fastMean = fast[newest]!;
  const slowMean = slow[newest]!;
  const ends = history.placesBefore(1 + SKIPPED_STATES, runs);
  let nearest = Number.POSITIVE_INFINITY;
  for (let run = 0; run < ends; run += 2) {
    const end = runs[run + 1]!;
    for (let place = runs[run]!; place < end; place++) {
      const first = values[place]! - value;
      const second = fast[place]! - fastMean;
      const third = slow[place]! - slowMean;
      const distance = first * first + second * second + third * third;
      if (distance < nearest) nearest = distance;
    }
  }
  return noveltyOf(Math.sqrt(nearest));
}

/** Of a distance; Infinity where there is nothing to be distant from. */
export function noveltyOf(distance: number): number {
  return distance === Number.POSITIVE_INFINITY ? Number.NaN : Math.sqrt(distance);
}
