import { STANDARDISED_LIMIT, type Standardisation } from '../detectors/standardisation.ts';
import type { GraphBuilder, Value } from './graph-builder.ts';

/** `features` [N, columns] without NaN → what `standardise` gives for them, bit for bit; infinities end at the limits. */
export function standardisedFeatures(graph: GraphBuilder, features: Value, fitted: Standardisation): Value {
  const { mean, deviation } = fitted;
  const scaled = graph.node('Div', [
    graph.node('Sub', [features, graph.floatConstant('mean', mean, [1, mean.length])]),
    graph.floatConstant('deviation', deviation, [1, deviation.length]),
  ]);
  return graph.node('Clip', [
    scaled,
    graph.floatConstant('lowest', Float32Array.of(-STANDARDISED_LIMIT), []),
    graph.floatConstant('highest', Float32Array.of(STANDARDISED_LIMIT), []),
  ]);
}
