import type { Tensor } from './differentiable-graph.ts';
import { relu, tanh } from './operations/elementwise.ts';
import { gemm } from './operations/linear.ts';
import type { ParameterLayout } from './parameters.ts';

export type Activation = 'relu' | 'tanh' | 'linear';

/** A fully connected layer: activation(x · weight + bias). */
export interface DenseLayer {
  /** Its parameters are `<name>_weight` [inputs, outputs] and `<name>_bias` [outputs]. */
  name: string;
  inputs: number;
  outputs: number;
  activation: Activation;
}

export function denseParameters(layers: readonly DenseLayer[]): ParameterLayout {
  return layers.flatMap(({ name, inputs, outputs }) => [
    { name: weightName(name), shape: [inputs, outputs], fanIn: inputs },
    { name: biasName(name), shape: [outputs], fanIn: inputs },
  ]);
}

/** x [n, inputs of the first layer] → [n, outputs of the last]. */
export function denseForward(
  x: Tensor,
  layers: readonly DenseLayer[],
  parameters: Readonly<Record<string, Tensor>>,
): Tensor {
  return layers.reduce((hidden, { name, activation }) => {
    const sum = gemm(hidden, parameters[weightName(name)]!, parameters[biasName(name)]!);
    return ACTIVATIONS[activation](sum);
  }, x);
}

export function weightName(layer: string): string {
  return `${layer}_weight`;
}

export function biasName(layer: string): string {
  return `${layer}_bias`;
}

const ACTIVATIONS: Record<Activation, (x: Tensor) => Tensor> = { relu, tanh, linear: (x) => x };
