import type { Tensor } from '../differentiable-graph.ts';
import { applyOperation, type Operation, onlyGradient } from '../operation.ts';
import { type Shape, staticShape, staticSize } from '../shape.ts';

interface Slice {
  axis: number;
  start: number;
  end: number;
}

interface Split {
  axis: number;
  sizes: readonly number[];
}

export const LAYOUT = {
  concat: {
    shapes: ({ inputs, parameters: { axis } }) => [
      inputs[0]!.shape.with(
        axis,
        inputs.reduce((sum, { shape }) => sum + staticSize(shape[axis]!), 0),
      ),
    ],
    forward: ({ inputs, parameters: { axis } }) => ({
      opType: 'Concat',
      inputs,
      attributes: { axis: { int: axis } },
    }),
    backward: (step) => {
      const { axis } = step.parameters;
      const sizes = step.inputs.map(({ shape }) => staticSize(shape[axis]!));
      let parts: Tensor[] | undefined;
      return step.inputs.map((_, index) => () => {
        parts ??= split(onlyGradient(step), sizes, axis);
        return parts[index]!;
      });
    },
  } satisfies Operation<{ axis: number }>,
  split: {
    shapes: ({ inputs: [x], parameters: { axis, sizes } }) => sizes.map((size) => x!.shape.with(axis, size)),
    forward: ({ graph, inputs: [x], parameters: { axis, sizes } }) => ({
      opType: 'Split',
      inputs: [x!, graph.integers(sizes)],
      attributes: { axis: { int: axis } },
    }),
    backward: ({ graph, outputs, gradients, parameters: { axis } }) => [
      () =>
        concat(
          outputs.map(({ shape }, index) => gradients[index] ?? graph.zeros(shape)),
          axis,
        ),
    ],
  } satisfies Operation<Split>,
  slice: {
    shapes: ({ inputs: [x], parameters: { axis, start, end } }) => [x!.shape.with(axis, end - start)],
    forward: ({ graph, inputs: [x], parameters: { axis, start, end } }) => ({
      opType: 'Slice',
      inputs: [x!, graph.integers([start]), graph.integers([end]), graph.integers([axis])],
    }),
    backward: (step) => {
      const { shape } = step.inputs[0]!;
      const { axis, start, end } = step.parameters;
      const none = shape.map(() => 0);
      const padding = [...none.with(axis, start), ...none.with(axis, staticSize(shape[axis]!) - end)];
      return [() => step.graph.emit('Pad', [onlyGradient(step), step.graph.integers(padding)], [shape])[0]!];
    },
  } satisfies Operation<Slice>,
  reshape: {
    shapes: ({ parameters: { shape } }) => [shape],
    forward: ({ graph, inputs: [x], parameters: { shape } }) => ({
      opType: 'Reshape',
      inputs: [x!, graph.integers(shape.map((dimension) => (typeof dimension === 'number' ? dimension : -1)))],
    }),
    backward: (step) => [() => reshape(onlyGradient(step), step.inputs[0]!.shape)],
  } satisfies Operation<{ shape: Shape }>,
  transpose: {
    shapes: ({ inputs: [x], parameters: { order } }) => [order.map((axis) => x!.shape[axis]!)],
    forward: ({ inputs, parameters: { order } }) => ({
      opType: 'Transpose',
      inputs,
      attributes: { perm: { ints: order } },
    }),
    backward: (step) => {
      const { order } = step.parameters;
      return [
        () =>
          transpose(
            onlyGradient(step),
            order.map((_, axis) => order.indexOf(axis)),
          ),
      ];
    },
  } satisfies Operation<{ order: readonly number[] }>,
  /** Inputs: data, positions (int64) along its first axis. */
  gather: {
    shapes: ({ inputs: [data, positions] }) => [[...positions!.shape, ...data!.shape.slice(1)]],
    forward: ({ inputs: [data, positions] }) => ({
      opType: 'Gather',
      inputs: [data!, positions!],
      attributes: { axis: { int: 0 } },
    }),
    backward: (step) => {
      const [data, positions] = step.inputs;
      const { graph } = step;
      return [
        () => {
          const shape = [...staticShape(positions!.shape), 1];
          const [indices] = graph.emit('Reshape', [positions!, graph.integers(shape)], [shape]);
          const zeros = graph.zeros(data!.shape);
          return graph.emit('ScatterND', [zeros, indices!, onlyGradient(step)], [data!.shape], {
            attributes: { reduction: { string: 'add' } },
          })[0]!;
        },
        () => {
          throw new RangeError('the positions of gather have no gradient');
        },
      ];
    },
  } satisfies Operation,
};

/** Tensors one after the other along `axis`, whose sizes must be static. */
export function concat(tensors: readonly Tensor[], axis: number): Tensor {
  return applyOperation(LAYOUT.concat, tensors, { axis })[0]!;
}

/** Parts of the given sizes along `axis`. */
export function split(x: Tensor, sizes: readonly number[], axis: number): Tensor[] {
  return applyOperation(LAYOUT.split, [x], { axis, sizes });
}

/** Positions [start, end) along `axis`. */
export function slice(x: Tensor, range: Slice): Tensor {
  return applyOperation(LAYOUT.slice, [x], range)[0]!;
}

/** The same elements in another shape; one size of it may be known at run time only. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  return applyOperation(LAYOUT.reshape, [x], { shape })[0]!;
}

/** Axes in another order: axis i of the result is axis `order[i]`. */
export function transpose(x: Tensor, order: readonly number[]): Tensor {
  return applyOperation(LAYOUT.transpose, [x], { order })[0]!;
}

/** Slices of `data` [n, …] at the given positions (int64 of any shape): [...positions, …]. */
export function gather(data: Tensor, positions: Tensor): Tensor {
  return applyOperation(LAYOUT.gather, [data, positions], undefined)[0]!;
}
