/**
 * Binary trees in flat arrays, one element a node, one tree after the other; `x[feature] <= threshold` goes left. The value
 * of a row is the sum of the weights of the leaves that it reaches.
 */
export interface TreeEnsemble {
  columns: number;
  /** First node of each tree. */
  roots: Int32Array;
  /** Column that a node splits on; −1 at a leaf. */
  feature: Int32Array;
  threshold: Float32Array;
  left: Int32Array;
  right: Int32Array;
  /** What a leaf adds. */
  weight: Float64Array;
  /** Training rows that came through a node; all 0 where that is not known. */
  cover: Float32Array;
}

/** `row`: float32 without NaN. */
export function ensembleValue({ roots, feature, threshold, left, right, weight }: TreeEnsemble, row: Float32Array) {
  let sum = 0;
  for (let node of roots) {
    for (let column = feature[node]!; column >= 0; column = feature[node]!) {
      node = row[column]! <= threshold[node]! ? left[node]! : right[node]!;
    }
    sum += weight[node]!;
  }
  return sum;
}

/** Splits on the longest way from a root to a leaf. */
export function ensembleDepth({ roots, feature, left, right }: TreeEnsemble): number {
  let deepest = 0;
  const open: [node: number, depth: number][] = Array.from(roots, (root) => [root, 0]);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [node, depth] = next;
    deepest = Math.max(deepest, depth);
    if (feature[node]! >= 0) open.push([left[node]!, depth + 1], [right[node]!, depth + 1]);
  }
  return deepest;
}
