import type { AsinhScaling } from '../detectors/asinh-scaling.ts';
import type { Autoencoder } from '../detectors/autoencoder.ts';
import { FLOAT32_MAX } from '../detectors/float32.ts';
import type { Ellipsoid } from '../detectors/mahalanobis.ts';
import { biasName, type DenseLayer, denseParameters, weightName } from '../nn/dense-network.ts';
import { parameterValues } from '../nn/parameters.ts';
import type { GraphBuilder, Value } from './graph-builder.ts';
import { dataTypeOf } from './tensor-type.ts';

/**
 * Second output of an autoencoder's graph: [N, columns], |reconstruction − standardised value|, 0 where missing. In units of
 * `asinhScaled`: standard deviations near the mean, their logarithm far out.
 */
export const RECONSTRUCTION_ERROR_OUTPUT = 'reconstruction_error';

/**
 * Raw `features` [N, columns], NaN = not observed → anomaly score [N, 1], named `name`. Also makes
 * `RECONSTRUCTION_ERROR_OUTPUT` an output of the graph.
 */
export function autoencoderScore(
  graph: GraphBuilder,
  features: Value,
  { columns, scaling, network, parameters, residual, code }: Autoencoder,
  name: string,
): Value {
  const zero = graph.floatConstant('missing_value', Float32Array.of(0), []);
  const isMissing = graph.node('IsNaN', [features]);
  const observed = cast(graph, graph.node('Not', [isMissing]), 'float32');
  const present = graph.node('Where', [isMissing, zero, features]);
  const scaled = graph.node('Where', [isMissing, zero, scaledValues(graph, present, scaling)]);

  const byName = parameterValues(parameters, denseParameters([...network.encoder, ...network.decoder]));
  const codes = network.encoder.reduce((x, layer) => denseLayer(graph, x, layer, byName), scaled);
  const reconstruction = network.decoder.reduce((x, layer) => denseLayer(graph, x, layer, byName), codes);
  const residuals = graph.node('Sub', [reconstruction, scaled]);
  const errors = graph.node('Mul', [graph.node('Abs', [residuals]), observed], { name: RECONSTRUCTION_ERROR_OUTPUT });
  graph.floatOutput(errors, ['N', columns]);

  const distance = graph.node('Add', [
    squaredDistances(graph, residuals, residual, 'residual', observed),
    squaredDistances(graph, codes, code, 'code'),
  ]);
  const one = graph.floatConstant('distance_offset', Float32Array.of(1), []);
  return graph.node('Log', [graph.node('Add', [distance, one])], { name });
}

/** See `asinhScaled`; in float64, since the spread of a column need not fit into float32. */
function scaledValues(graph: GraphBuilder, present: Value, { mean, deviation }: AsinhScaling): Value {
  const smallest = graph.floatConstant('smallest_feature', Float32Array.of(-FLOAT32_MAX), []);
  const largest = graph.floatConstant('largest_feature', Float32Array.of(FLOAT32_MAX), []);
  const finite = cast(graph, graph.node('Clip', [present, smallest, largest]), 'float64');
  const shape = [1, mean.length];
  const centred = graph.node('Sub', [finite, graph.constant('column_mean', 'float64', mean, shape)]);
  const z = graph.node('Div', [centred, graph.constant('column_deviation', 'float64', deviation, shape)]);
  // ONNX Runtime's Asinh knows float32 only: asinh(z) = sign(z) · log(|z| + √(z² + 1)).
  const one = graph.constant('asinh_one', 'float64', [1], []);
  const root = graph.node('Sqrt', [graph.node('Add', [graph.node('Mul', [z, z]), one])]);
  const magnitude = graph.node('Log', [graph.node('Add', [graph.node('Abs', [z]), root])]);
  return cast(graph, graph.node('Mul', [graph.node('Sign', [z]), magnitude]), 'float32');
}

const ACTIVATION_OPERATORS = { relu: 'Relu', tanh: 'Tanh' } as const;

function denseLayer(
  graph: GraphBuilder,
  x: Value,
  { name, inputs, outputs, activation }: DenseLayer,
  parameters: Readonly<Record<string, Float32Array>>,
): Value {
  const [weight, bias] = [weightName(name), biasName(name)];
  const sum = graph.node('Gemm', [
    x,
    graph.floatConstant(weight, parameters[weight]!, [inputs, outputs]),
    graph.floatConstant(bias, parameters[bias]!, [outputs]),
  ]);
  return activation === 'linear' ? sum : graph.node(ACTIVATION_OPERATORS[activation], [sum]);
}

/** `rows` [N, dimensions] → [N, 1]; see `squaredDistance`. */
function squaredDistances(
  graph: GraphBuilder,
  rows: Value,
  { dimensions, mean, whitening }: Ellipsoid,
  name: string,
  observed?: Value,
): Value {
  const difference = graph.node('Sub', [rows, graph.floatConstant(`${name}_mean`, mean, [1, dimensions])]);
  const centred = observed === undefined ? difference : graph.node('Mul', [difference, observed]);
  const isDiagonal = whitening.length === dimensions;
  const shape = [isDiagonal ? 1 : dimensions, dimensions];
  const weights = graph.floatConstant(`${name}_whitening`, whitening, shape);
  const whitened = graph.node(isDiagonal ? 'Mul' : 'MatMul', [centred, weights]);
  return graph.node('ReduceSumSquare', [whitened], {
    attributes: { axes: { ints: [1] }, keepdims: { int: 1 } },
  });
}

function cast(graph: GraphBuilder, value: Value, type: 'float32' | 'float64'): Value {
  return graph.node('Cast', [value], { attributes: { to: { int: dataTypeOf(type) } } });
}
