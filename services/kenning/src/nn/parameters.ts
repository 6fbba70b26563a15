import type { Random } from '@liminal/shared/runtime/random';
import type { Tensor } from './differentiable-graph.ts';
import { reshape, split } from './operations/layout.ts';
import { elementCount } from './shape.ts';

/** One parameter tensor of a network. */
export interface ParameterTensor {
  name: string;
  shape: readonly number[];
  /** Inputs that a unit of its layer has: sets the scale of the initial values. */
  fanIn: number;
}

/**
 * The parameter tensors of a network, in the order in which they lie in one flat vector. Flat, so that an optimiser step is
 * a handful of nodes, however many tensors there are.
 */
export type ParameterLayout = readonly ParameterTensor[];

export function parameterCount(layout: ParameterLayout): number {
  return layout.reduce((sum, { shape }) => sum + elementCount(shape), 0);
}

/** The tensors in the flat vector `parameters` [parameterCount], by name. */
export function unpackParameters(parameters: Tensor, layout: ParameterLayout): Record<string, Tensor> {
  const sizes = layout.map(({ shape }) => elementCount(shape));
  const parts = split(parameters, sizes, 0);
  return Object.fromEntries(
    layout.map(({ name, shape }, index) => {
      const part = parts[index]!;
      return [name, shape.length === 1 ? part : reshape(part, shape)] as const;
    }),
  );
}

/** The values in the flat vector, by name, row-major; views, not copies. */
export function parameterValues(parameters: Float32Array, layout: ParameterLayout): Record<string, Float32Array> {
  let start = 0;
  return Object.fromEntries(
    layout.map(({ name, shape }) => {
      const end = start + elementCount(shape);
      const values = parameters.subarray(start, end);
      start = end;
      return [name, values] as const;
    }),
  );
}

/**
 * Uniform in ±1/√fanIn, weights and biases alike: what PyTorch's Linear and LSTM start from (its `reset_parameters`, which
 * is He initialisation, He et al. 2015, with a gain of 1/√3).
 */
export function initialParameters(layout: ParameterLayout, random: Random): Float32Array {
  return Float32Array.from(
    layout.flatMap(({ shape, fanIn }) => {
      const bound = 1 / Math.sqrt(fanIn);
      return Array.from({ length: elementCount(shape) }, () => random.uniform(-bound, bound));
    }),
  );
}
