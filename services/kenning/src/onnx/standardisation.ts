import { FLOAT32_MAX } from '../detectors/float32.ts';
import { STANDARDISED_LIMIT, type Standardisation } from '../detectors/standardisation.ts';
import type { GraphBuilder, Value } from './graph-builder.ts';

/**
 * `features` [N, columns] without NaN → what `standardise` gives for them, bit for bit. Infinities count as the float32 of
 * largest magnitude, as in `imputeMissing`: beside a mean of that size they are not extreme.
 */
export function standardisedFeatures(graph: GraphBuilder, features: Value, fitted: Standardisation): Value {
  const { mean, deviation } = fitted;
  const finite = clip(graph, features, 'finite', FLOAT32_MAX);
  const scaled = graph.node('Div', [
    graph.node('Sub', [finite, graph.floatConstant('mean', mean, [1, mean.length])]),
    graph.floatConstant('deviation', deviation, [1, deviation.length]),
  ]);
  return clip(graph, scaled, 'standardised', STANDARDISED_LIMIT);
}

function clip(graph: GraphBuilder, values: Value, what: string, limit: number): Value {
  return graph.node('Clip', [
    values,
    graph.floatConstant(`lowest_${what}`, Float32Array.of(-limit), []),
    graph.floatConstant(`highest_${what}`, Float32Array.of(limit), []),
  ]);
}
