import { setImmediate } from 'node:timers/promises';
import { Random } from '@liminal/shared/runtime/random';
import { assertFittable, type Detector, type FitContext } from './detector.ts';
import { type Matrix, takeRows } from './matrix.ts';
import { fitStandardisation, type Standardisation, standardise } from './standardisation.ts';

export interface NearestNeighboursOptions {
  /** Neighbours whose distances are averaged; all reference rows where there are fewer. */
  nNeighbors: number;
  /** Rows kept to measure against, drawn without replacement; all rows where there are fewer. */
  maxReferenceRows: number;
}

export interface NearestNeighbours extends Standardisation {
  columns: number;
  /** Neighbours that are averaged: never more than there are reference rows. */
  nNeighbors: number;
  /** Standardised reference rows, row-major. */
  referenceRows: Float32Array;
}

/**
 * Mean Euclidean distance, in standard deviations, to the nearest of a sample of the training rows (Angiulli & Pizzuti
 * 2002; the sample as in Sugiyama & Borgwardt 2013, who found that it costs next to no accuracy).
 *
 * A row that is itself a reference row is its own nearest neighbour: rows of the fit score a little lower than others.
 * That can't be mended by skipping a distance of 0, which would put equal rows that are common (and so normal) further
 * out than those a hair beside them; scores that are calibrated come from rows outside the fit.
 */
export const nearestNeighbours: Detector<NearestNeighboursOptions, NearestNeighbours> = {
  name: 'nearest-neighbours',
  missingValues: 'impute',
  defaultOptions: { nNeighbors: 5, maxReferenceRows: 1000 },
  fit: fitNearestNeighbours,
  anomalyScores,
};

async function fitNearestNeighbours(
  rows: Matrix,
  { nNeighbors, maxReferenceRows }: NearestNeighboursOptions,
  { seed, onProgress, signal }: FitContext,
): Promise<NearestNeighbours> {
  for (const [name, value] of Object.entries({ nNeighbors, maxReferenceRows })) {
    if (!Number.isInteger(value) || value < 1)
      throw new RangeError(`${name} must be a whole number from 1, not ${value}`);
  }
  assertFittable(rows);
  const step = async (share: number): Promise<void> => {
    await setImmediate();
    signal?.throwIfAborted();
    onProgress?.(share);
  };
  await step(0);
  const standardisation = fitStandardisation(rows);
  await step(0.5);
  const count = Math.min(maxReferenceRows, rows.rows);
  const sample = takeRows(rows, new Random(seed).sample(rows.rows, count));
  await step(0.75);
  const referenceRows = standardise(sample, standardisation).values;
  await step(1);
  return { columns: rows.columns, nNeighbors: Math.min(nNeighbors, count), referenceRows, ...standardisation };
}

function anomalyScores(fitted: NearestNeighbours, rows: Matrix): Float64Array {
  const { columns, nNeighbors } = fitted;
  if (rows.columns !== columns) {
    throw new RangeError(`the reference rows have ${columns} columns, these rows have ${rows.columns}`);
  }
  const { values } = standardise(rows, fitted);
  const nearest = new Float64Array(nNeighbors);
  return Float64Array.from({ length: rows.rows }, (_, row) => {
    nearestSquares(values.subarray(row * columns, (row + 1) * columns), fitted.referenceRows, nearest);
    let sum = 0;
    for (const square of nearest) sum += Math.sqrt(square);
    return sum / nNeighbors;
  });
}

/** Fills `nearest` with the smallest squared distances from `row` to the reference rows, ascending. */
function nearestSquares(row: Float32Array, referenceRows: Float32Array, nearest: Float64Array): void {
  const columns = row.length;
  const last = nearest.length - 1;
  nearest.fill(Number.POSITIVE_INFINITY);
  for (let start = 0; start < referenceRows.length; start += columns) {
    let square = 0;
    // A sum that is too large already needs no further columns.
    for (let column = 0; column < columns && square < nearest[last]!; column++) {
      const difference = row[column]! - referenceRows[start + column]!;
      square += difference * difference;
    }
    if (square >= nearest[last]!) continue;
    let place = last;
    for (; place > 0 && nearest[place - 1]! > square; place--) nearest[place] = nearest[place - 1]!;
    nearest[place] = square;
  }
}
