import { setImmediate } from 'node:timers/promises';
import { Random } from '@liminal/shared/runtime/random';
import { assertFittable, type Detector, type FitContext } from './detector.ts';
import { type Matrix, takeRows } from './matrix.ts';
import { fitStandardisation, type Standardisation, standardise } from './standardisation.ts';

export interface NearestNeighboursOptions {
  /** The score is the distance to the neighbour of this number; to the last one where there are fewer. */
  nNeighbors: number;
  /** Different rows kept to measure against, drawn at random; all different rows where there are fewer. */
  maxReferenceRows: number;
}

export interface NearestNeighbours extends Standardisation {
  columns: number;
  /** Never more than there are reference rows. */
  nNeighbors: number;
  /** Standardised reference rows, row-major. */
  referenceRows: Float32Array;
}

const ROWS_BETWEEN_YIELDS = 10_000;

/**
 * Euclidean distance, in standard deviations, to the fifth nearest of a sample of the training rows (Ramaswamy, Rastogi &
 * Shim 2000; the sample as in Sugiyama & Borgwardt 2013, who found that it costs next to no accuracy).
 *
 * The sample holds no row twice: an anomaly that came several times would otherwise be its own neighbourhood. Rows that
 * are common are far from alarming whatever their distance, since the calibration rows hold them as often.
 * A row that is itself a reference row has itself for a neighbour, so rows of the fit score a little lower than others;
 * scores that are calibrated come from rows outside the fit.
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
  const sample = await differentRows(rows, maxReferenceRows, new Random(seed), signal);
  await step(0.75);
  const referenceRows = standardise(sample, standardisation).values;
  await step(1);
  return { columns: rows.columns, nNeighbors: Math.min(nNeighbors, sample.rows), referenceRows, ...standardisation };
}

/** Up to `count` rows of which no two are equal, in random order. */
async function differentRows(
  rows: Matrix,
  count: number,
  random: Random,
  signal: AbortSignal | undefined,
): Promise<Matrix> {
  const { columns } = rows;
  const drawn: number[] = [];
  const seen = new Set<string>();
  for (const [position, row] of random.sample(rows.rows, rows.rows).entries()) {
    if (drawn.length === count) break;
    if (position % ROWS_BETWEEN_YIELDS === 0) {
      await setImmediate();
      signal?.throwIfAborted();
    }
    const text = rows.values.subarray(row * columns, (row + 1) * columns).join();
    if (seen.has(text)) continue;
    seen.add(text);
    drawn.push(row);
  }
  return takeRows(rows, Int32Array.from(drawn));
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
    return Math.sqrt(nearest[nNeighbors - 1]!);
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
