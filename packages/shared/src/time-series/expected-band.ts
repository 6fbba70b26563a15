import type { SeriesHistory } from './series-history.ts';

/** Past states whose successors tell what may follow. */
const ANALOGUES = 64;
const LOW_QUANTILE = 0.05;
const HIGH_QUANTILE = 0.95;

/** What was to be expected of a value. NaN each where the past is too short to tell. */
export interface ExpectedBand {
  /** Median. */
  expected: number;
  /** 5% and 95% quantile. */
  expectedLow: number;
  expectedHigh: number;
}

const UNKNOWN: ExpectedBand = { expected: Number.NaN, expectedLow: Number.NaN, expectedHigh: Number.NaN };

const distances = new Float64Array(ANALOGUES);
const successors = new Float64Array(ANALOGUES);
const runs = new Int32Array(4);

/**
 * What follows the present state, by the method of analogues (Lorenz 1969): quantiles of the values that followed the 64 past
 * moments whose moving averages were most like those of now. It holds only values that were seen.
 */
export function expectedBand(history: SeriesHistory): ExpectedBand {
  if (history.length <= ANALOGUES) return UNKNOWN;
  const { values, fast, slow } = history;
  const capacity = values.length;
  const newest = history.newestObserved();
  const fastMean = fast[newest]!;
  const slowMean = slow[newest]!;
  const ends = history.placesBefore(1, runs);
  let held = 0;
  let farthest = Number.POSITIVE_INFINITY;
  for (let run = 0; run < ends; run += 2) {
    const end = runs[run + 1]!;
    for (let place = runs[run]!; place < end; place++) {
      const first = fast[place]! - fastMean;
      const second = slow[place]! - slowMean;
      const distance = first * first + second * second;
      // Also false where a value is missing, since nothing compares with NaN.
      if (!(distance < farthest)) continue;
      const successor = values[place + 1 === capacity ? 0 : place + 1]!;
      if (Number.isNaN(successor)) continue;
      held = insert(distance, successor, held);
      if (held === ANALOGUES) farthest = distances[ANALOGUES - 1]!;
    }
  }
  if (held < ANALOGUES) return UNKNOWN;
  const sorted = successors.toSorted();
  return {
    expected: quantile(sorted, 0.5),
    expectedLow: quantile(sorted, LOW_QUANTILE),
    expectedHigh: quantile(sorted, HIGH_QUANTILE),
  };
}

/** Into the nearest ones, sorted by distance. Few get this far: the farthest one of those held keeps the others out. */
function insert(distance: number, successor: number, held: number): number {
  let place = Math.min(held, ANALOGUES - 1);
  for (; place > 0 && distances[place - 1]! > distance; place--) {
    distances[place] = distances[place - 1]!;
    successors[place] = successors[place - 1]!;
  }
  distances[place] = distance;
  successors[place] = successor;
  return Math.min(held + 1, ANALOGUES);
}

/** Linear between the order statistics, as numpy does it. */
function quantile(sorted: Float64Array, share: number): number {
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (position - below) * (sorted[above]! - sorted[below]!);
}
