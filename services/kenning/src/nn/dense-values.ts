import { type Activation, biasName, type DenseLayer, weightName } from './dense-network.ts';

/**
 * `denseForward` for one row of plain numbers, in float64: what an exported graph is checked against. `row`: as many values
 * as the first layer has inputs.
 */
export function denseValues(
  row: ArrayLike<number>,
  layers: readonly DenseLayer[],
  parameters: Readonly<Record<string, Float32Array>>,
): Float64Array {
  let values = Float64Array.from(row);
  for (const { name, inputs, outputs, activation } of layers) {
    const weight = parameters[weightName(name)]!;
    const sums = Float64Array.from(parameters[biasName(name)]!);
    for (let input = 0; input < inputs; input++) {
      const value = values[input]!;
      if (value === 0) continue;
      const start = input * outputs;
      for (let output = 0; output < outputs; output++) sums[output]! += value * weight[start + output]!;
    }
    values = activation === 'linear' ? sums : sums.map(ACTIVATIONS[activation]);
  }
  return values;
}

const ACTIVATIONS: Record<Exclude<Activation, 'linear'>, (value: number) => number> = {
  relu: (value) => Math.max(value, 0),
  tanh: Math.tanh,
};
