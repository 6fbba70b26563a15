import type { Tensor } from '../differentiable-graph.ts';
import { elementCount } from '../shape.ts';
import { add, div, exp, log, mul, neg, relu, square, sub } from './elementwise.ts';
import { reduceMean, reduceSum } from './reduction.ts';

/**
 * log(1 + eˣ) as max(x, 0) + log(1 + e^−|x|), which never overflows. Composed, because ONNX Runtime's Softplus has no
 * float64 kernel to check gradients with.
 */
export function softplus(x: Tensor): Tensor {
  const positive = relu(x);
  const magnitude = add(positive, relu(neg(x)));
  return add(positive, log(add(x.graph.scalar(1), exp(neg(magnitude)))));
}

/** Mean of (prediction − target)² over all elements: a scalar. */
export function meanSquaredError(prediction: Tensor, target: Tensor): Tensor {
  return reduceMean(square(sub(prediction, target)));
}

/**
 * Sum of (prediction − target)² over the elements where `weights` is 1 (0: they take no part), divided by the number of
 * all elements: a scalar. The divisor does not depend on the weights, so that an element counts the same in every batch.
 */
export function weightedSquaredError(prediction: Tensor, target: Tensor, weights: Tensor): Tensor {
  const squares = square(mul(sub(prediction, target), weights));
  return div(reduceSum(squares), target.graph.scalar(elementCount(target.shape)));
}
