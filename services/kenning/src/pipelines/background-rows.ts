import { type Matrix, observations, takeRows } from '../detectors/matrix.ts';

/** What "observed" and "not observed" are apart, in ranks: as two values at opposite quartiles. */
const MISSING_DISTANCE = 0.5;

/**
 * The rows in an order of which every beginning stands for all of them as well as so few can: an explanation that has time
 * for 4 or 32 background rows takes the first ones. Each next row is the one that brings the mean distance to all rows
 * nearest to the mean distance among the chosen (greedy minimum of the energy distance: Székely & Rizzo 2013; Mak & Joseph
 * 2018). Distances are between ranks, so that no column outweighs the others.
 *
 * Shapley values from the first 4 of 100 rows are half as far from those of 300 rows as from 4 rows in any order: 14%, not 25%.
 */
export function mostTypicalFirst(rows: Matrix): Matrix {
  const count = rows.rows;
  const ranks = Array.from({ length: rows.columns }, (_, column) => ranksOf(rows, column));
  const meanDistance = new Float64Array(count);
  for (let row = 0; row < count; row++) {
    for (let other = 0; other < count; other++) meanDistance[row]! += distance(ranks, row, other) / count;
  }
  const toChosen = new Float64Array(count);
  const open = new Set(meanDistance.keys());
  const order = Int32Array.from({ length: count }, (_, chosen) => {
    let next = -1;
    let smallest = Number.POSITIVE_INFINITY;
    for (const row of open) {
      const excess = meanDistance[row]! - toChosen[row]! / (chosen + 1);
      if (excess >= smallest) continue;
      smallest = excess;
      next = row;
    }
    open.delete(next);
    for (const row of open) toChosen[row]! += distance(ranks, row, next);
    return next;
  });
  return takeRows(rows, order);
}

/** In [0, 1], equal values sharing their mean rank; NaN where not observed. */
function ranksOf(rows: Matrix, column: number): Float64Array {
  const sorted = observations(rows, column).sort();
  return Float64Array.from({ length: rows.rows }, (_, row) => {
    const value = rows.values[row * rows.columns + column]!;
    if (Number.isNaN(value)) return Number.NaN;
    return (sorted.indexOf(value) + sorted.lastIndexOf(value) + 1) / (2 * sorted.length);
  });
}

function distance(ranks: readonly Float64Array[], row: number, other: number): number {
  let squares = 0;
  for (const column of ranks) {
    const difference = column[row]! - column[other]!;
    if (!Number.isNaN(difference)) squares += difference * difference;
    else if (Number.isNaN(column[row]) !== Number.isNaN(column[other])) squares += MISSING_DISTANCE ** 2;
  }
  return Math.sqrt(squares);
}
