import type { Attribution } from './attribution.ts';
import { ensembleDepth, type TreeEnsemble } from './tree-ensemble.ts';

/**
 * Exact Shapley values of a sum of trees without background rows: where a feature is not in S, a split on it sends the row
 * both ways, weighted by the training rows that went each way (Lundberg et al. 2020, Algorithm 1 for v(S), Algorithm 2 for
 * this polynomial way to its Shapley values).
 *
 * The way from the root keeps for each feature on it the share of the S without it that come through (`zeroFraction`), the
 * share of those with it (`oneFraction`, 0 or 1), and for each size of S the weight of the subsets that do (`weight`).
 */
export class PathDependentTreeShap {
  readonly #trees: TreeEnsemble;
  readonly #baseValue: number;
  /** A path a depth: the way to a node is a copy of the way to its parent, longer by one feature. */
  readonly #paths: readonly Path[];

  /** Throws `RangeError` for trees of which the training rows at each node are not known. */
  constructor(trees: TreeEnsemble) {
    if (trees.roots.some((root) => !(trees.cover[root]! > 0))) {
      throw new RangeError('these trees do not say how many training rows came through their nodes');
    }
    this.#trees = trees;
    const length = ensembleDepth(trees) + 2;
    this.#paths = Array.from({ length }, () => ({
      length: 0,
      feature: new Int32Array(length),
      zeroFraction: new Float64Array(length),
      oneFraction: new Float64Array(length),
      weight: new Float64Array(length),
    }));
    this.#baseValue = trees.roots.reduce((sum, root) => sum + this.#mean(root), 0);
  }

  /** `row`: float32 without NaN. */
  explain(row: Float32Array): Attribution {
    const shapValues = new Float64Array(this.#trees.columns);
    for (const root of this.#trees.roots) {
      const [path] = this.#paths;
      path!.length = 0;
      extend(path!, 1, 1, -1);
      this.#descend(root, 0, row, shapValues);
    }
    return { baseValue: this.#baseValue, shapValues };
  }

  /** Mean over the training rows below a node. */
  #mean(node: number): number {
    const { feature, left, right, weight, cover } = this.#trees;
    if (feature[node]! < 0) return weight[node]!;
    const [below, above] = [left[node]!, right[node]!];
    return (cover[below]! * this.#mean(below) + cover[above]! * this.#mean(above)) / cover[node]!;
  }

  #descend(node: number, depth: number, row: Float32Array, shapValues: Float64Array): void {
    const { feature, threshold, left, right, weight, cover } = this.#trees;
    const path = this.#paths[depth]!;
    const column = feature[node]!;
    if (column < 0) {
      for (let place = 1; place < path.length; place++) {
        const share = unwoundSum(path, place) * (path.oneFraction[place]! - path.zeroFraction[place]!);
        shapValues[path.feature[place]!]! += share * weight[node]!;
      }
      return;
    }
    const goesLeft = row[column]! <= threshold[node]!;
    let zeroFraction = 1;
    let oneFraction = 1;
    const known = path.feature.indexOf(column);
    const isKnown = known >= 0 && known < path.length;
    if (isKnown) {
      zeroFraction = path.zeroFraction[known]!;
      oneFraction = path.oneFraction[known]!;
      unwind(path, known);
    }
    for (const child of [left[node]!, right[node]!]) {
      const isTaken = (child === left[node]) === goesLeft;
      const next = this.#paths[depth + 1]!;
      copyPath(path, next);
      extend(next, (zeroFraction * cover[child]!) / cover[node]!, isTaken ? oneFraction : 0, column);
      this.#descend(child, depth + 1, row, shapValues);
    }
  }
}

interface Path {
  length: number;
  feature: Int32Array;
  zeroFraction: Float64Array;
  oneFraction: Float64Array;
  weight: Float64Array;
}

function copyPath(from: Path, to: Path): void {
  to.length = from.length;
  for (let place = 0; place < from.length; place++) {
    to.feature[place] = from.feature[place]!;
    to.zeroFraction[place] = from.zeroFraction[place]!;
    to.oneFraction[place] = from.oneFraction[place]!;
    to.weight[place] = from.weight[place]!;
  }
}

/** EXTEND of Algorithm 2. */
function extend(path: Path, zeroFraction: number, oneFraction: number, feature: number): void {
  const { length, weight } = path;
  path.feature[length] = feature;
  path.zeroFraction[length] = zeroFraction;
  path.oneFraction[length] = oneFraction;
  weight[length] = length === 0 ? 1 : 0;
  for (let size = length - 1; size >= 0; size--) {
    weight[size + 1]! += (oneFraction * weight[size]! * (size + 1)) / (length + 1);
    weight[size] = (zeroFraction * weight[size]! * (length - size)) / (length + 1);
  }
  path.length = length + 1;
}

/** UNWIND of Algorithm 2: takes the feature at a place off the path again. */
function unwind(path: Path, place: number): void {
  const last = path.length - 1;
  const { weight } = path;
  const zeroFraction = path.zeroFraction[place]!;
  const oneFraction = path.oneFraction[place]!;
  let carried = weight[last]!;
  for (let size = last - 1; size >= 0; size--) {
    if (oneFraction !== 0) {
      const before = weight[size]!;
      weight[size] = (carried * (last + 1)) / ((size + 1) * oneFraction);
      carried = before - (weight[size]! * zeroFraction * (last - size)) / (last + 1);
    } else {
      weight[size] = (weight[size]! * (last + 1)) / (zeroFraction * (last - size));
    }
  }
  for (let next = place; next < last; next++) {
    path.feature[next] = path.feature[next + 1]!;
    path.zeroFraction[next] = path.zeroFraction[next + 1]!;
    path.oneFraction[next] = path.oneFraction[next + 1]!;
  }
  path.length = last;
}

/** Sum of the weights that `unwind` would leave. */
function unwoundSum(path: Path, place: number): number {
  const last = path.length - 1;
  const { weight } = path;
  const zeroFraction = path.zeroFraction[place]!;
  const oneFraction = path.oneFraction[place]!;
  let carried = weight[last]!;
  let sum = 0;
  for (let size = last - 1; size >= 0; size--) {
    if (oneFraction !== 0) {
      const unwound = (carried * (last + 1)) / ((size + 1) * oneFraction);
      sum += unwound;
      carried = weight[size]! - (unwound * zeroFraction * (last - size)) / (last + 1);
    } else {
      sum += (weight[size]! * (last + 1)) / (zeroFraction * (last - size));
    }
  }
  return sum;
}
