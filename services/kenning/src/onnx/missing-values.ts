import type { GraphBuilder, Value } from './graph-builder.ts';

/**
 * `features` [N, columns] with NaN replaced by the median of the column: Where(IsNaN(x), medians, x).
 * Infinities pass; see `imputeMissing` for what that means for a model.
 */
export function imputedFeatures(graph: GraphBuilder, features: Value, medians: Float32Array): Value {
  const constant = graph.floatConstant('medians', medians, [1, medians.length]);
  return graph.node('Where', [graph.node('IsNaN', [features]), constant, features]);
}
