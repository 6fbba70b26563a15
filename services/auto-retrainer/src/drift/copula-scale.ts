import type { Sample } from './sample.ts';

/** Where a value that was not observed lies: in the middle; a column of its own says that it is missing. */
const MISSING_RANK = 0.5;

/**
 * Rows on a scale without units: each column's mid-rank among its observed values, in (0, 1), then for each column with
 * gaps 1 where it was not observed and 0 elsewhere. Row-major [rows, length]. A function of the rows as a set: labels
 * of rows stay exchangeable.
 */
export function copulaScale({ values, rows, columns }: Sample): { values: Float64Array; length: number } {
  const scaled: Float64Array[] = [];
  const gaps: Float64Array[] = [];
  for (let column = 0; column < columns; column++) {
    const order: number[] = [];
    for (let row = 0; row < rows; row++) if (!Number.isNaN(values[row * columns + column]!)) order.push(row);
    order.sort((left, right) => values[left * columns + column]! - values[right * columns + column]!);
    const ranks = new Float64Array(rows).fill(MISSING_RANK);
    for (let start = 0; start < order.length; ) {
      let end = start + 1;
      while (end < order.length && sameValue(values, columns, column, order[start]!, order[end]!)) end++;
      for (let place = start; place < end; place++) ranks[order[place]!] = (start + end) / 2 / order.length;
      start = end;
    }
    scaled.push(ranks);
    if (order.length > 0 && order.length < rows) {
      const gap = new Float64Array(rows).fill(1);
      for (const row of order) gap[row] = 0;
      gaps.push(gap);
    }
  }
  return interleave([...scaled, ...gaps], rows);
}

function sameValue(values: Float32Array, columns: number, column: number, left: number, right: number): boolean {
  return values[left * columns + column] === values[right * columns + column];
}

function interleave(columns: readonly Float64Array[], rows: number): { values: Float64Array; length: number } {
  const length = columns.length;
  const values = new Float64Array(rows * length);
  for (const [index, column] of columns.entries()) {
    for (let row = 0; row < rows; row++) values[row * length + index] = column[row]!;
  }
  return { values, length };
}
