import type { Random } from '../../runtime/random.ts';
import type { Background } from '../background.ts';
import type { TreeEnsemble } from '../tree-ensemble.ts';

/** A tree as goldens write it. */
export type NestedTree =
  | { weight: number; cover: number }
  | { feature: number; threshold: number; left: NestedTree; right: NestedTree; cover: number };

export function toEnsemble(trees: readonly NestedTree[], columns: number): TreeEnsemble {
  const roots: number[] = [];
  const [feature, threshold, left, right, weight, cover]: number[][] = [[], [], [], [], [], []];
  const add = (tree: NestedTree): number => {
    const node = feature!.length;
    const isLeaf = 'weight' in tree;
    feature!.push(isLeaf ? -1 : tree.feature);
    threshold!.push(isLeaf ? 0 : tree.threshold);
    weight!.push(isLeaf ? tree.weight : 0);
    cover!.push(tree.cover);
    left!.push(0);
    right!.push(0);
    if (!isLeaf) {
      left![node] = add(tree.left);
      right![node] = add(tree.right);
    }
    return node;
  };
  for (const tree of trees) roots.push(add(tree));
  return {
    columns,
    roots: Int32Array.from(roots),
    feature: Int32Array.from(feature!),
    threshold: Float32Array.from(threshold!),
    left: Int32Array.from(left!),
    right: Int32Array.from(right!),
    weight: Float64Array.from(weight!),
    cover: Float32Array.from(cover!),
  };
}

/** `features` = the columns that splits may look at. */
export function randomTree(random: Random, features: readonly number[], depth: number, cover = 64): NestedTree {
  if (depth === 0 || cover < 2 || random.next() < 0.1) return { weight: random.normal(), cover };
  const below = 1 + random.int(cover - 1);
  return {
    feature: random.pick(features),
    threshold: Math.fround(random.normal()),
    left: randomTree(random, features, depth - 1, below),
    right: randomTree(random, features, depth - 1, cover - below),
    cover,
  };
}

export function normalBackground(random: Random, rows: number, columns: number): Background {
  return { values: Float32Array.from({ length: rows * columns }, () => random.normal()), rows, columns };
}
