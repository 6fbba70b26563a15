import type { Tensor } from '../differentiable-graph.ts';
import { applyOperation, type Operation, type OperationStep, onlyGradient } from '../operation.ts';
import { broadcastShape, type Shape } from '../shape.ts';

const broadcast = ({ inputs: [a, b] }: OperationStep<undefined>): Shape[] => [broadcastShape(a!.shape, b!.shape)];
const unchanged = ({ inputs: [x] }: OperationStep<undefined>): Shape[] => [x!.shape];
const node =
  (opType: string): Operation['forward'] =>
  ({ inputs }) => ({ opType, inputs });

/** Times the smallest normal float32 it is above 1. */
const LARGE = 3e38;

export const ELEMENTWISE = {
  add: {
    shapes: broadcast,
    forward: node('Add'),
    backward: (step) => [() => onlyGradient(step), () => onlyGradient(step)],
  },
  sub: {
    shapes: broadcast,
    forward: node('Sub'),
    backward: (step) => [() => onlyGradient(step), () => neg(onlyGradient(step))],
  },
  mul: {
    shapes: broadcast,
    forward: node('Mul'),
    backward: (step) => {
      const [a, b] = step.inputs;
      return [() => mul(onlyGradient(step), b!), () => mul(onlyGradient(step), a!)];
    },
  },
  div: {
    shapes: broadcast,
    forward: node('Div'),
    backward: (step) => {
      const [, b] = step.inputs;
      const quotient = step.outputs[0]!;
      return [() => div(onlyGradient(step), b!), () => neg(div(mul(onlyGradient(step), quotient), b!))];
    },
  },
  neg: { shapes: unchanged, forward: node('Neg'), backward: (step) => [() => neg(onlyGradient(step))] },
  exp: {
    shapes: unchanged,
    forward: node('Exp'),
    backward: (step) => [() => mul(onlyGradient(step), step.outputs[0]!)],
  },
  log: {
    shapes: unchanged,
    forward: node('Log'),
    backward: (step) => [() => div(onlyGradient(step), step.inputs[0]!)],
  },
  /** Infinite slope at 0. */
  sqrt: {
    shapes: unchanged,
    forward: node('Sqrt'),
    backward: (step) => [() => div(mul(onlyGradient(step), step.graph.scalar(0.5)), step.outputs[0]!)],
  },
  square: {
    shapes: unchanged,
    forward: ({ inputs: [x] }) => ({ opType: 'Mul', inputs: [x!, x!] }),
    // The factor goes to the gradient, which is often a constant: ONNX Runtime folds the two into one.
    backward: (step) => [() => mul(mul(onlyGradient(step), step.graph.scalar(2)), step.inputs[0]!)],
  },
  /** Slope 0 at 0, as in PyTorch. */
  relu: {
    shapes: unchanged,
    forward: node('Relu'),
    backward: ({ graph, outputs: [y], gradients: [gradient] }) => [
      () => {
        // The sign of y, which is never negative: three times as fast as Sign, and exact for all but subnormal numbers.
        const stretched = mul(y!, graph.scalar(LARGE));
        return mul(gradient!, graph.emit('Clip', [stretched, graph.scalar(0), graph.scalar(1)], [y!.shape])[0]!);
      },
    ],
  },
  tanh: {
    shapes: unchanged,
    forward: node('Tanh'),
    backward: ({ graph, outputs: [y], gradients: [gradient] }) => [
      () => mul(gradient!, sub(graph.scalar(1), square(y!))),
    ],
  },
  sigmoid: {
    shapes: unchanged,
    forward: node('Sigmoid'),
    backward: ({ graph, outputs: [y], gradients: [gradient] }) => [
      () => mul(gradient!, mul(y!, sub(graph.scalar(1), y!))),
    ],
  },
  /** Inputs: condition (bool), what to take where it is true, what elsewhere. */
  where: {
    shapes: ({ inputs: [condition, a, b] }) => [broadcastShape(condition!.shape, broadcastShape(a!.shape, b!.shape))],
    typedBy: 1,
    forward: node('Where'),
    backward: ({ graph, inputs: [condition], gradients: [gradient] }) => [
      () => {
        throw new RangeError('the condition of where has no gradient');
      },
      () => where(condition!, gradient!, graph.scalar(0)),
      () => where(condition!, graph.scalar(0), gradient!),
    ],
  },
} satisfies Record<string, Operation>;

/** Elementwise, with broadcasting. */
export function add(a: Tensor, b: Tensor): Tensor {
  return applyOperation(ELEMENTWISE.add, [a, b], undefined)[0]!;
}

/** a − b elementwise, with broadcasting. */
export function sub(a: Tensor, b: Tensor): Tensor {
  return applyOperation(ELEMENTWISE.sub, [a, b], undefined)[0]!;
}

/** Elementwise, with broadcasting. */
export function mul(a: Tensor, b: Tensor): Tensor {
  return applyOperation(ELEMENTWISE.mul, [a, b], undefined)[0]!;
}

/** a / b elementwise, with broadcasting. */
export function div(a: Tensor, b: Tensor): Tensor {
  return applyOperation(ELEMENTWISE.div, [a, b], undefined)[0]!;
}

export function neg(x: Tensor): Tensor {
  return applyOperation(ELEMENTWISE.neg, [x], undefined)[0]!;
}

export function exp(x: Tensor): Tensor {
  return applyOperation(ELEMENTWISE.exp, [x], undefined)[0]!;
}

/** Natural logarithm. */
export function log(x: Tensor): Tensor {
  return applyOperation(ELEMENTWISE.log, [x], undefined)[0]!;
}

export function sqrt(x: Tensor): Tensor {
  return applyOperation(ELEMENTWISE.sqrt, [x], undefined)[0]!;
}

export function square(x: Tensor): Tensor {
  return applyOperation(ELEMENTWISE.square, [x], undefined)[0]!;
}

export function relu(x: Tensor): Tensor {
  return applyOperation(ELEMENTWISE.relu, [x], undefined)[0]!;
}

export function tanh(x: Tensor): Tensor {
  return applyOperation(ELEMENTWISE.tanh, [x], undefined)[0]!;
}

export function sigmoid(x: Tensor): Tensor {
  return applyOperation(ELEMENTWISE.sigmoid, [x], undefined)[0]!;
}

/** `a` where `condition` (bool) is true, else `b`, with broadcasting. */
export function where(condition: Tensor, a: Tensor, b: Tensor): Tensor {
  return applyOperation(ELEMENTWISE.where, [condition, a, b], undefined)[0]!;
}
