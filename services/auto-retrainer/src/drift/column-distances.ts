import type { Sample } from './sample.ts';

/** Bins of the population stability index: tenths of the pooled values, fewer where values repeat. */
const BINS = 10;
/** Added to the count of each bin, so that an empty one gives no infinity. */
const BIN_PRIOR = 0.5;

/** How far two samples lie apart in one column. */
export interface ColumnDistances {
  /** Wasserstein-1 distance in the unit of the column (Villani 2009): the area between the distribution functions. */
  wasserstein: number;
  /** Population stability index Σ (q − p) ln(q/p) over bins (Lewis 1994), ≥ 0; 0.1 and 0.25 are common limits. */
  populationStability: number;
}

/**
 * The observed values of a column of pooled rows in ascending order, so that distances under any labelling of the rows
 * take one pass. A sample without any observed value has distance 0: the missing rate tells of that.
 */
export class PooledColumn {
  readonly #rows: Int32Array;
  /** Rows without a value: hardly any, so that counting these is faster than counting the others. */
  readonly #missing: Int32Array;
  /** From each value to the next one. */
  readonly #gaps: Float64Array;
  /** Places in the order at which a bin ends, exclusive. */
  readonly #binEnds: Int32Array;

  constructor({ values, rows, columns }: Sample, column: number) {
    const order: number[] = [];
    const missing: number[] = [];
    for (let row = 0; row < rows; row++) (Number.isNaN(values[row * columns + column]!) ? missing : order).push(row);
    order.sort((left, right) => values[left * columns + column]! - values[right * columns + column]!);
    this.#rows = Int32Array.from(order);
    this.#missing = Int32Array.from(missing);
    const ordered = Float64Array.from(order, (row) => values[row * columns + column]!);
    this.#gaps = ordered.map((value, place) => (ordered[place + 1] ?? value) - value);
    this.#binEnds = binEnds(ordered);
  }

  /** `marks`: one for each pooled row, 1 = reference; `marked`: how many have it. */
  distances(marks: Uint8Array, marked: number): ColumnDistances {
    const rows = this.#rows;
    const gaps = this.#gaps;
    let referenceRows = marked;
    for (const row of this.#missing) referenceRows -= marks[row]!;
    const currentRows = rows.length - referenceRows;
    if (referenceRows === 0 || currentRows === 0) return { wasserstein: 0, populationStability: 0 };
    const binCount = this.#binEnds.length;
    const perCurrent = 1 / currentRows;
    const perReference = 1 / referenceRows + perCurrent;
    let wasserstein = 0;
    let populationStability = 0;
    let reference = 0;
    let place = 0;
    for (let bin = 0; bin < binCount; bin++) {
      const end = this.#binEnds[bin]!;
      const referenceBefore = reference;
      const start = place;
      for (; place < end; place++) {
        reference += marks[rows[place]!]!;
        // reference / referenceRows − (place + 1 − reference) / currentRows, by how far it reaches.
        wasserstein += Math.abs(reference * perReference - (place + 1) * perCurrent) * gaps[place]!;
      }
      const inReference = reference - referenceBefore;
      const inCurrent = end - start - inReference;
      const expected = (inReference + BIN_PRIOR) / (referenceRows + BIN_PRIOR * binCount);
      const actual = (inCurrent + BIN_PRIOR) / (currentRows + BIN_PRIOR * binCount);
      populationStability += (actual - expected) * Math.log(actual / expected);
    }
    return { wasserstein, populationStability };
  }
}

function binEnds(values: Float64Array): Int32Array {
  const ends: number[] = [];
  for (let bin = 1; bin <= BINS; bin++) {
    let end = Math.round((bin * values.length) / BINS);
    // Equal values stay in one bin.
    while (end > 0 && end < values.length && values[end] === values[end - 1]) end++;
    if (end > (ends.at(-1) ?? 0)) ends.push(end);
  }
  return Int32Array.from(ends);
}
