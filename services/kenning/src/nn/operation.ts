import type { Attribute } from '../onnx/graph-builder.ts';
import type { DifferentiableGraph, Tensor } from './differentiable-graph.ts';
import type { Shape } from './shape.ts';

/** One use of an operation. */
export interface OperationStep<Parameters> {
  /** Where the nodes go. */
  graph: DifferentiableGraph;
  inputs: readonly Tensor[];
  parameters: Parameters;
}

export interface BackwardStep<Parameters> extends OperationStep<Parameters> {
  outputs: readonly Tensor[];
  /** d loss / d output, one an output; `undefined` where the loss does not depend on it, but never for all of them. */
  gradients: readonly (Tensor | undefined)[];
}

/** The ONNX node that computes an operation. */
export interface OperationNode {
  opType: string;
  inputs: readonly Tensor[];
  attributes?: Record<string, Attribute>;
}

/** A differentiable operation: shape rule, forward and backward side by side. */
export interface Operation<Parameters = undefined> {
  /** Shapes of the outputs. Throws `RangeError` where the inputs don't fit. */
  shapes(step: OperationStep<Parameters>): readonly Shape[];
  /** The input whose element type the outputs have; the first one unless given. */
  typedBy?: number;
  forward(step: OperationStep<Parameters>): OperationNode;
  /**
   * d loss / d input, one function an input, called only where the gradient is wanted. A gradient may have the shape that
   * the input was broadcast to: the graph sums it back.
   */
  backward(step: BackwardStep<Parameters>): readonly (() => Tensor)[];
}

/** The gradient of an operation's one output. */
export function onlyGradient({ gradients }: BackwardStep<unknown>): Tensor {
  return gradients[0]!;
}

/** Adds an operation to the innermost of the graphs that its inputs are from. */
export function applyOperation<Parameters>(
  operation: Operation<Parameters>,
  inputs: readonly Tensor[],
  parameters: Parameters,
): Tensor[] {
  const graph = inputs.reduce((inner, { graph }) => (graph.depth > inner.depth ? graph : inner), inputs[0]!.graph);
  return graph.apply(operation, inputs, parameters);
}
