import type { GraphBuilder, Value } from './graph-builder.ts';

/** `features` [N, columns] as `rightCensored` gives them: Where(x ≤ limit, x, limit), which NaN does not pass either. */
export function rightCensoredFeatures(graph: GraphBuilder, features: Value, limits: Float32Array): Value {
  const shape = [1, limits.length];
  // Other columns stay as they are: their values are at most ∞, and what is not observed stays so.
  const otherwise = limits.map((limit) => (limit === Number.POSITIVE_INFINITY ? Number.NaN : limit));
  const isWithin = graph.node('LessOrEqual', [features, graph.floatConstant('censoring_limits', limits, shape)]);
  return graph.node('Where', [isWithin, features, graph.floatConstant('censored_values', otherwise, shape)]);
}
