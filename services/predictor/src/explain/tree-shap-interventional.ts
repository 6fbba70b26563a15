import type { Attribution } from './attribution.ts';
import { type Background, backgroundRow } from './background.ts';
import { bitCount } from './bit-count.ts';
import { ensembleDepth, ensembleValue, type TreeEnsemble } from './tree-ensemble.ts';

/** One bit a feature. */
const MAX_COLUMNS = 31;

/**
 * Exact Shapley values of a sum of trees against background rows: v(S) is the mean over the background rows z of the value
 * of the row that has x in S and z elsewhere (Lundberg et al. 2020, "interventional"; the algorithm of its supplement).
 *
 * For one z, a leaf is reached by those S that hold all features whose split sends x but not z towards it (A) and none of
 * those whose split sends z but not x (B): [A ⊆ S][B ∩ S = ∅], a game whose Shapley values are known in closed form:
 * (|A|−1)!|B|!/(|A|+|B|)! for each feature of A, −|A|!(|B|−1)!/(|A|+|B|)! for each of B. So one way down the tree, that
 * branches only where x and z part, does for all 2^d coalitions: at most as many steps as the tree has nodes.
 */
export class InterventionalTreeShap {
  readonly #trees: TreeEnsemble;
  readonly #gains: readonly Float64Array[];
  readonly #nodes: Int32Array;
  readonly #fromRow: Int32Array;
  readonly #fromBackground: Int32Array;

  /** Throws `RangeError` above 31 columns. */
  constructor(trees: TreeEnsemble) {
    if (trees.columns > MAX_COLUMNS) throw new RangeError(`at most ${MAX_COLUMNS} columns, not ${trees.columns}`);
    this.#trees = trees;
    this.#gains = leafGains(trees.columns);
    const size = ensembleDepth(trees) + 2;
    this.#nodes = new Int32Array(size);
    this.#fromRow = new Int32Array(size);
    this.#fromBackground = new Int32Array(size);
  }

  /** `row`: float32 without NaN, and so are the background rows. */
  explain(row: Float32Array, background: Background): Attribution {
    const { columns } = this.#trees;
    const shapValues = new Float64Array(columns);
    let baseValue = 0;
    for (let index = 0; index < background.rows; index++) {
      const reference = backgroundRow(background, index);
      baseValue += ensembleValue(this.#trees, reference);
      this.#addReference(row, reference, shapValues);
    }
    for (let column = 0; column < columns; column++) shapValues[column]! /= background.rows;
    return { baseValue: baseValue / background.rows, shapValues };
  }

  #addReference(row: Float32Array, reference: Float32Array, shapValues: Float64Array): void {
    const { roots, feature, threshold, left, right } = this.#trees;
    const nodes = this.#nodes;
    const fromRow = this.#fromRow;
    const fromBackground = this.#fromBackground;
    for (const root of roots) {
      let open = 0;
      nodes[0] = root;
      fromRow[0] = 0;
      fromBackground[0] = 0;
      while (open >= 0) {
        const node = nodes[open]!;
        const column = feature[node]!;
        if (column < 0) {
          this.#addLeaf(node, fromRow[open]!, fromBackground[open]!, shapValues);
          open--;
          continue;
        }
        const rowChild = row[column]! <= threshold[node]! ? left[node]! : right[node]!;
        const referenceChild = reference[column]! <= threshold[node]! ? left[node]! : right[node]!;
        const bit = 1 << column;
        if (rowChild === referenceChild || (fromRow[open]! & bit) !== 0) nodes[open] = rowChild;
        else if ((fromBackground[open]! & bit) !== 0) nodes[open] = referenceChild;
        else {
          nodes[open + 1] = rowChild;
          fromRow[open + 1] = fromRow[open]! | bit;
          fromBackground[open + 1] = fromBackground[open]!;
          nodes[open] = referenceChild;
          fromBackground[open]! |= bit;
          open++;
        }
      }
    }
  }

  #addLeaf(node: number, fromRow: number, fromBackground: number, shapValues: Float64Array): void {
    if ((fromRow | fromBackground) === 0) return;
    const weight = this.#trees.weight[node]!;
    const present = bitCount(fromRow);
    const absent = bitCount(fromBackground);
    const gain = weight * this.#gains[present]![absent]!;
    const loss = weight * this.#gains[absent]![present]!;
    for (let rest = fromRow; rest !== 0; rest &= rest - 1) shapValues[31 - Math.clz32(rest & -rest)]! += gain;
    for (let rest = fromBackground; rest !== 0; rest &= rest - 1) shapValues[31 - Math.clz32(rest & -rest)]! -= loss;
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
