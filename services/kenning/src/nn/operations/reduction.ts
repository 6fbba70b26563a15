import type { Tensor } from '../differentiable-graph.ts';
import { applyOperation, type BackwardStep, type Operation, type OperationStep } from '../operation.ts';
import { elementCount, isStatic, reducedShape, type Shape, sameShape, staticShape } from '../shape.ts';
import { mul } from './elementwise.ts';

export interface ReductionOptions {
  /** Axes to reduce, counted from 0; all unless given. */
  axes?: readonly number[];
  /** Whether reduced axes stay with size 1; false unless given. */
  keepDimensions?: boolean;
}

interface Reduction {
  axes: readonly number[];
  keepDimensions: boolean;
}

const reduced = ({ inputs: [x], parameters }: OperationStep<Reduction>): Shape[] => [
  reducedShape(x!.shape, parameters.axes, parameters.keepDimensions),
];

const keepdims = ({ keepDimensions }: Reduction) => ({ int: keepDimensions ? 1 : 0 });

export const REDUCTIONS = {
  sum: {
    shapes: reduced,
    forward: ({ graph, inputs: [x], parameters }) => ({
      opType: 'ReduceSum',
      inputs: [x!, graph.integers(parameters.axes)],
      attributes: { keepdims: keepdims(parameters) },
    }),
    backward: (step) => [() => expanded(step, step.gradients[0]!)],
  },
  mean: {
    shapes: reduced,
    forward: ({ inputs: [x], parameters }) => ({
      opType: 'ReduceMean',
      inputs: [x!],
      attributes: { axes: { ints: parameters.axes }, keepdims: keepdims(parameters) },
    }),
    backward: (step) => [
      () => {
        const { axes } = step.parameters;
        const count = elementCount(axes.map((axis) => step.inputs[0]!.shape[axis]!));
        return expanded(step, mul(step.gradients[0]!, step.graph.scalar(1 / count)));
      },
    ],
  },
} satisfies Record<string, Operation<Reduction>>;

export function reduceSum(x: Tensor, options: ReductionOptions = {}): Tensor {
  return applyOperation(REDUCTIONS.sum, [x], reductionOf(x, options))[0]!;
}

/** Its gradient needs static sizes of the reduced axes. */
export function reduceMean(x: Tensor, options: ReductionOptions = {}): Tensor {
  return applyOperation(REDUCTIONS.mean, [x], reductionOf(x, options))[0]!;
}

function reductionOf({ shape }: Tensor, { axes, keepDimensions = false }: ReductionOptions): Reduction {
  return { axes: axes ?? shape.map((_, axis) => axis), keepDimensions };
}

/** The gradient repeated along the axes that were reduced. */
function expanded({ graph, inputs: [x], parameters: { axes } }: BackwardStep<Reduction>, gradient: Tensor): Tensor {
  const { shape } = x!;
  const kept = reducedShape(shape, axes, true);
  const sizes = kept.map((dimension) => (typeof dimension === 'number' ? dimension : -1));
  const [aligned] = sameShape(gradient.shape, kept)
    ? [gradient]
    : graph.emit('Reshape', [gradient, graph.integers(sizes)], [kept]);
  const [target] = isStatic(shape)
    ? [graph.integers(staticShape(shape))]
    : graph.emit('Shape', [x!], [[shape.length]], { type: 'int64' });
  return graph.emit('Expand', [aligned!, target!], [shape])[0]!;
}
