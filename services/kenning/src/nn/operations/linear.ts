import type { Tensor } from '../differentiable-graph.ts';
import { applyOperation, type Operation, onlyGradient } from '../operation.ts';
import type { Shape } from '../shape.ts';

export interface GemmOptions {
  transposeA?: boolean;
  transposeB?: boolean;
}

interface Gemm {
  transposeA: boolean;
  transposeB: boolean;
}

function productShape([a, b]: readonly Tensor[], { transposeA, transposeB }: Gemm): Shape {
  const [rows, inner] = transposeA ? a!.shape.toReversed() : a!.shape;
  const [height, columns] = transposeB ? b!.shape.toReversed() : b!.shape;
  if (a!.shape.length !== 2 || b!.shape.length !== 2 || inner !== height) {
    throw new RangeError(`matrices [${a!.shape}] and [${b!.shape}] don't fit`);
  }
  return [rows!, columns!];
}

/** Gradients of op(A)·op(B): what is transposed in the product is transposed in its own gradient. */
function productGradients([a, b]: readonly Tensor[], { transposeA, transposeB }: Gemm, gradient: Tensor) {
  return [
    () =>
      transposeA
        ? gemm(b!, gradient, undefined, { transposeA: transposeB, transposeB: true })
        : gemm(gradient, b!, undefined, { transposeB: !transposeB }),
    () =>
      transposeB
        ? gemm(gradient, a!, undefined, { transposeA: true, transposeB: transposeA })
        : gemm(a!, gradient, undefined, { transposeA: !transposeA }),
  ];
}

const PLAIN: Gemm = { transposeA: false, transposeB: false };

export const LINEAR = {
  matMul: {
    shapes: ({ inputs }) => [productShape(inputs, PLAIN)],
    forward: ({ inputs }) => ({ opType: 'MatMul', inputs }),
    backward: (step) => productGradients(step.inputs, PLAIN, onlyGradient(step)),
  } satisfies Operation,
  /** Inputs: A, B and, if there is one, what is added. */
  gemm: {
    shapes: ({ inputs, parameters }) => [productShape(inputs, parameters)],
    forward: ({ inputs, parameters: { transposeA, transposeB } }) => ({
      opType: 'Gemm',
      inputs,
      attributes: {
        ...(transposeA && { transA: { int: 1 } }),
        ...(transposeB && { transB: { int: 1 } }),
      },
    }),
    backward: (step) => [
      ...productGradients(step.inputs, step.parameters, onlyGradient(step)),
      ...(step.inputs.length === 3 ? [() => onlyGradient(step)] : []),
    ],
  } satisfies Operation<Gemm>,
};

/** [m, k] · [k, n]. */
export function matMul(a: Tensor, b: Tensor): Tensor {
  return applyOperation(LINEAR.matMul, [a, b], undefined)[0]!;
}

/** op(A)·op(B) + bias of matrices, where op transposes if told to; the bias is broadcast. */
export function gemm(
  a: Tensor,
  b: Tensor,
  bias?: Tensor,
  { transposeA = false, transposeB = false }: GemmOptions = {},
): Tensor {
  const inputs = bias === undefined ? [a, b] : [a, b, bias];
  return applyOperation(LINEAR.gemm, inputs, { transposeA, transposeB })[0]!;
}
