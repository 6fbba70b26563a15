import { type Background, backgroundRow } from './background.ts';
import { bitCount } from './bit-count.ts';

/**
 * The rows behind the interventional game of a row x: v(S) = mean over the background rows z of f(x in S, z elsewhere)
 * (Lundberg & Lee 2017). For one z only the features count in which x and z differ, so each different row is made once:
 * 2^(differing features) instead of 2^d, and x itself once for all.
 */
export class CoalitionRows {
  /** Row-major float32 [count, columns]; the first is x. */
  readonly rows: Float32Array;
  readonly count: number;
  readonly #columns: number;
  /** Of each background row: bits of the features in which it differs from x, and where its rows start. */
  readonly #differing: Int32Array;
  readonly #starts: Int32Array;

  constructor(row: Float32Array, background: Background) {
    const { columns } = background;
    this.#columns = columns;
    this.#differing = new Int32Array(background.rows);
    this.#starts = new Int32Array(background.rows);
    let count = 1;
    for (let index = 0; index < background.rows; index++) {
      const differing = differingFeatures(row, backgroundRow(background, index));
      this.#differing[index] = differing;
      this.#starts[index] = count;
      // All subsets but the full one, which is x.
      count += 2 ** bitCount(differing) - 1;
    }
    this.count = count;
    this.rows = new Float32Array(count * columns);
    this.rows.set(row, 0);
    for (let index = 0; index < background.rows; index++) this.#fill(index, row, backgroundRow(background, index));
  }

  /** `outputs`: f of each of the rows → v(S) of all 2^d coalitions. */
  worth(outputs: ArrayLike<number>): Float64Array {
    const worth = new Float64Array(2 ** this.#columns);
    const places = new Int32Array(worth.length);
    for (let index = 0; index < this.#differing.length; index++) {
      const differing = this.#differing[index]!;
      const start = this.#starts[index]!;
      for (let coalition = 0; coalition < worth.length; coalition++) {
        const inside = coalition & differing;
        // The place of a subset is that of the subset without its lowest feature, plus that feature's own.
        if (inside === coalition && coalition !== 0) {
          const lowest = coalition & -coalition;
          places[coalition] = places[coalition ^ lowest]! + (1 << bitCount(differing & (lowest - 1)));
        }
        worth[coalition]! += inside === differing ? outputs[0]! : outputs[start + places[inside]!]!;
      }
    }
    for (let coalition = 0; coalition < worth.length; coalition++) worth[coalition]! /= this.#differing.length;
    return worth;
  }

  #fill(index: number, row: Float32Array, reference: Float32Array): void {
    const differing = this.#differing[index]!;
    const columns = this.#columns;
    const features = Array.from({ length: columns }, (_, feature) => feature).filter((f) => (differing >> f) & 1);
    const subsets = 2 ** features.length - 1;
    for (let subset = 0; subset < subsets; subset++) {
      const target = (this.#starts[index]! + subset) * columns;
      this.rows.set(reference, target);
      for (let place = 0; place < features.length; place++) {
        if ((subset >> place) & 1) this.rows[target + features[place]!] = row[features[place]!]!;
      }
    }
  }
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
