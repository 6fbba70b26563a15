import { type Background, backgroundRow } from './background.ts';
import { bitCount } from './bit-count.ts';

/** The rows of one background row z. */
export interface ReferenceRows {
  /** z itself. */
  reference: Float32Array;
  /** Bits of the features in which it differs from x. */
  differing: number;
  /**
   * By coalition within `differing`: which of all rows has x there and z elsewhere. Other entries mean nothing. The
   * coalition of all of `differing` is x, row 0.
   */
  places: Int32Array;
}

/**
 * The rows behind the interventional game of a row x: v(S) = mean over the background rows z of f(x in S, z elsewhere)
 * (Lundberg & Lee 2017). For one z only the features count in which x and z differ, so each different row is made once:
 * 2^(differing features) instead of 2^d, and x itself once for all.
 *
 * `accompanied`: bits of features that stand for more than their value, and so count as different even where it is the same.
 */
export class CoalitionRows {
  /** x. */
  readonly row: Float32Array;
  /** Row-major float32 [count, columns]; the first is x. */
  readonly rows: Float32Array;
  readonly count: number;
  readonly references: readonly ReferenceRows[];

  constructor(row: Float32Array, background: Background, accompanied = 0) {
    this.row = row;
    let count = 1;
    this.references = Array.from({ length: background.rows }, (_, index) => {
      const reference = backgroundRow(background, index);
      const differing = differingFeatures(row, reference) | accompanied;
      const places = subsetPlaces(differing, row.length, count);
      count += 2 ** bitCount(differing) - 1;
      return { reference, differing, places };
    });
    this.count = count;
    this.rows = new Float32Array(count * row.length);
    this.rows.set(row, 0);
    for (const references of this.references) this.#fill(references);
  }

  /** `outputs`: f of each of the rows → v(S) of all 2^d coalitions. */
  worth(outputs: ArrayLike<number>): Float64Array {
    const worth = new Float64Array(2 ** this.row.length);
    for (const { differing, places } of this.references) {
      for (let coalition = 0; coalition < worth.length; coalition++) {
        worth[coalition]! += outputs[places[coalition & differing]!]!;
      }
    }
    for (let coalition = 0; coalition < worth.length; coalition++) worth[coalition]! /= this.references.length;
    return worth;
  }

  /** Of each row, whether the feature is x's there: 1 or 0. For one that is `accompanied` or differs in all background rows. */
  presence(feature: number): Uint8Array {
    const present = new Uint8Array(this.count);
    present[0] = 1;
    for (const { differing, places } of this.references) {
      for (let coalition = 0; coalition < differing; coalition++) {
        if ((coalition & differing) === coalition) present[places[coalition]!] = (coalition >> feature) & 1;
      }
    }
    return present;
  }

  #fill({ reference, differing, places }: ReferenceRows): void {
    const columns = this.row.length;
    for (let coalition = (differing - 1) & differing; ; coalition = (coalition - 1) & differing) {
      if (coalition === differing) return;
      const start = places[coalition]! * columns;
      for (let feature = 0; feature < columns; feature++) {
        this.rows[start + feature] = (coalition >> feature) & 1 ? this.row[feature]! : reference[feature]!;
      }
      if (coalition === 0) return;
    }
  }
}

/** Numbers the subsets of `differing` from `start`, in ascending order; the full one is 0. */
function subsetPlaces(differing: number, columns: number, start: number): Int32Array {
  const places = new Int32Array(2 ** columns);
  let next = start;
  for (let coalition = 0; coalition < differing; coalition++) {
    if ((coalition & differing) === coalition) places[coalition] = next++;
  }
  return places;
}

/** Bits of the features that are not the same in both; not observed in both is the same. */
function differingFeatures(row: Float32Array, reference: Float32Array): number {
  let bits = 0;
  for (let feature = 0; feature < row.length; feature++) {
    const [left, right] = [row[feature]!, reference[feature]!];
    if (left !== right && !(Number.isNaN(left) && Number.isNaN(right))) bits |= 1 << feature;
  }
  return bits;
}
