import { ensembleDepth, type TreeEnsemble } from './tree-ensemble.ts';

/** One bit a feature. */
const MAX_COLUMNS = 31;

/** What a leaf adds, and to which coalitions: those that hold all of `present` and none of `absent` (bits of features). */
export type OnLeaf = (weight: number, present: number, absent: number) => void;

/**
 * The leaves of a sum of trees that a row x may reach once some of its features are taken from another row z: a split that
 * sends x and z different ways sends the row where x goes if its feature is in the coalition, else where z goes. So one way
 * down a tree, that branches only where x and z part, tells of all 2^d coalitions: at most as many steps as it has nodes
 * (Lundberg et al. 2020, supplement).
 */
export class LeafWalk {
  readonly #trees: TreeEnsemble;
  readonly #nodes: Int32Array;
  readonly #present: Int32Array;
  readonly #absent: Int32Array;

  /** Throws `RangeError` above 31 columns. */
  constructor(trees: TreeEnsemble) {
    if (trees.columns > MAX_COLUMNS) throw new RangeError(`at most ${MAX_COLUMNS} columns, not ${trees.columns}`);
    this.#trees = trees;
    const size = ensembleDepth(trees) + 2;
    this.#nodes = new Int32Array(size);
    this.#present = new Int32Array(size);
    this.#absent = new Int32Array(size);
  }

  /** `row`, `reference`: float32 without NaN. */
  visit(row: Float32Array, reference: Float32Array, onLeaf: OnLeaf): void {
    const { roots, feature, threshold, left, right, weight } = this.#trees;
    const nodes = this.#nodes;
    const present = this.#present;
    const absent = this.#absent;
    for (const root of roots) {
      let open = 0;
      nodes[0] = root;
      present[0] = 0;
      absent[0] = 0;
      while (open >= 0) {
        const node = nodes[open]!;
        const column = feature[node]!;
        if (column < 0) {
          onLeaf(weight[node]!, present[open]!, absent[open]!);
          open--;
          continue;
        }
        const rowChild = row[column]! <= threshold[node]! ? left[node]! : right[node]!;
        const referenceChild = reference[column]! <= threshold[node]! ? left[node]! : right[node]!;
        const bit = 1 << column;
        if (rowChild === referenceChild || (present[open]! & bit) !== 0) nodes[open] = rowChild;
        else if ((absent[open]! & bit) !== 0) nodes[open] = referenceChild;
        else {
          nodes[open + 1] = rowChild;
          present[open + 1] = present[open]! | bit;
          absent[open + 1] = absent[open]!;
          nodes[open] = referenceChild;
          absent[open]! |= bit;
          open++;
        }
      }
    }
  }
}
