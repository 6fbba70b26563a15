import type { Attribution } from './attribution.ts';
import { type Background, backgroundRow } from './background.ts';
import { bitCount } from './bit-count.ts';
import { LeafWalk } from './leaf-walk.ts';
import { ensembleValue, type TreeEnsemble } from './tree-ensemble.ts';

/**
 * Exact Shapley values of a sum of trees against background rows: v(S) is the mean over the background rows z of the value
 * of the row that has x in S and z elsewhere (Lundberg et al. 2020, "interventional"; the algorithm of its supplement).
 *
 * For one z a leaf is a game of its own, its weight for the coalitions that hold A and nothing of B, whose Shapley values
 * have a closed form: (|A|−1)!|B|!/(|A|+|B|)! for each feature of A, −|A|!(|B|−1)!/(|A|+|B|)! for each of B.
 */
export class InterventionalTreeShap {
  readonly #trees: TreeEnsemble;
  readonly #walk: LeafWalk;
  readonly #gains: readonly Float64Array[];

  /** Throws `RangeError` above 31 columns. */
  constructor(trees: TreeEnsemble) {
    this.#trees = trees;
    this.#walk = new LeafWalk(trees);
    this.#gains = leafGains(trees.columns);
  }

  /** `row`: float32 without NaN, and so are the background rows. */
  explain(row: Float32Array, background: Background): Attribution {
    const shapValues = new Float64Array(this.#trees.columns);
    const gains = this.#gains;
    const addLeaf = (weight: number, present: number, absent: number): void => {
      if ((present | absent) === 0) return;
      const [presentCount, absentCount] = [bitCount(present), bitCount(absent)];
      const gain = weight * gains[presentCount]![absentCount]!;
      const loss = weight * gains[absentCount]![presentCount]!;
      for (let rest = present; rest !== 0; rest &= rest - 1) shapValues[31 - Math.clz32(rest & -rest)]! += gain;
      for (let rest = absent; rest !== 0; rest &= rest - 1) shapValues[31 - Math.clz32(rest & -rest)]! -= loss;
    };
    let baseValue = 0;
    for (let index = 0; index < background.rows; index++) {
      const reference = backgroundRow(background, index);
      baseValue += ensembleValue(this.#trees, reference);
      this.#walk.visit(row, reference, addLeaf);
    }
    for (let feature = 0; feature < shapValues.length; feature++) shapValues[feature]! /= background.rows;
    return { baseValue: baseValue / background.rows, shapValues };
  }
}

/** `[a][b]` = (a−1)! b! / (a+b)!, the share of each of a features that must be there when b others must not. */
function leafGains(columns: number): Float64Array[] {
  const factorials = [1];
  for (let value = 1; value <= columns; value++) factorials.push(factorials[value - 1]! * value);
  return Array.from({ length: columns + 1 }, (_, present) =>
    Float64Array.from({ length: columns + 1 }, (__, absent) =>
      present === 0 || present + absent > columns
        ? 0
        : (factorials[present - 1]! * factorials[absent]!) / factorials[present + absent]!,
    ),
  );
}
