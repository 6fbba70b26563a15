import { type IsolationForest, scoreExponent } from '../detectors/isolation-forest.ts';
import type { GraphBuilder, Value } from './graph-builder.ts';
import { sumOfTrees } from './tree-ensemble.ts';

/**
 * `features` [N, columns] without NaN → anomaly score [N, 1], named `name`: exp(exponent · sum of path lengths).
 * The sum is exact (see `pathLengthGrid`), so that only the rounding of Exp tells this from the TypeScript score.
 */
export function isolationForestScore(
  graph: GraphBuilder,
  features: Value,
  forest: IsolationForest,
  name: string,
): Value {
  const pathLengths = sumOfTrees(graph, features, {
    roots: forest.roots,
    feature: forest.feature,
    threshold: forest.threshold,
    left: Int32Array.from(forest.feature, (_, node) => node + 1),
    right: forest.right,
    weight: forest.pathLength,
    cover: forest.cover,
  });
  const exponent = graph.floatConstant('score_exponent', Float32Array.of(scoreExponent(forest)), []);
  return graph.node('Exp', [graph.node('Mul', [pathLengths, exponent])], { name });
}
