import type { GraphBuilder, Value } from './graph-builder.ts';

/**
 * Binary trees in flat arrays, one element a node, one tree after the other. `x[feature] <= threshold` goes left.
 * `left` and `right` are positions in the same arrays; `feature` is −1 at a leaf, and `weight` is what a leaf adds.
 */
export interface FlatTrees {
  /** First node of each tree, ascending. */
  roots: Int32Array;
  feature: Int32Array;
  threshold: Float32Array;
  left: Int32Array;
  right: Int32Array;
  weight: Float32Array;
  /** Training rows that came through a node: nothing runs on them, explanations are made from them. */
  cover?: Float32Array | undefined;
}

/** One `TreeEnsembleRegressor`: `features` [N, columns] → [N, 1], the sum of the weights of the leaves reached. */
export function sumOfTrees(graph: GraphBuilder, features: Value, trees: FlatTrees, name?: string): Value {
  const nodes = trees.feature.length;
  const treeIds = new Int32Array(nodes);
  const nodeIds = new Int32Array(nodes);
  const leftIds = new Int32Array(nodes);
  const rightIds = new Int32Array(nodes);
  const modes = new Array<string>(nodes);
  const leaves: number[] = [];
  for (let tree = 0; tree < trees.roots.length; tree++) {
    const root = trees.roots[tree]!;
    const end = trees.roots[tree + 1] ?? nodes;
    for (let node = root; node < end; node++) {
      const isLeaf = trees.feature[node]! < 0;
      treeIds[node] = tree;
      nodeIds[node] = node - root;
      leftIds[node] = isLeaf ? 0 : trees.left[node]! - root;
      rightIds[node] = isLeaf ? 0 : trees.right[node]! - root;
      modes[node] = isLeaf ? 'LEAF' : 'BRANCH_LEQ';
      if (isLeaf) leaves.push(node);
    }
  }
  return graph.node('TreeEnsembleRegressor', [features], {
    domain: 'ai.onnx.ml',
    ...(name !== undefined && { name }),
    attributes: {
      nodes_treeids: { ints: treeIds },
      nodes_nodeids: { ints: nodeIds },
      nodes_featureids: { ints: trees.feature.map((feature) => Math.max(feature, 0)) },
      nodes_values: { floats: trees.threshold },
      nodes_modes: { strings: modes },
      ...(trees.cover && { nodes_hitrates: { floats: trees.cover } }),
      nodes_truenodeids: { ints: leftIds },
      nodes_falsenodeids: { ints: rightIds },
      target_treeids: { ints: leaves.map((node) => treeIds[node]!) },
      target_nodeids: { ints: leaves.map((node) => nodeIds[node]!) },
      target_ids: { ints: new Int32Array(leaves.length) },
      target_weights: { floats: leaves.map((node) => trees.weight[node]!) },
      n_targets: { int: 1 },
      aggregate_function: { string: 'SUM' },
      post_transform: { string: 'NONE' },
    },
  });
}
