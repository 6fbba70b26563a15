import type { Tensor } from './differentiable-graph.ts';
import { add, div, mul, sqrt, square, sub } from './operations/elementwise.ts';
import { reduceSum } from './operations/reduction.ts';

export interface AdamOptions {
  /** Decay of the mean of the gradients, β₁. */
  beta1: number;
  /** Decay of the mean of their squares, β₂. */
  beta2: number;
  /** Added to the root of the mean square, ε. */
  epsilon: number;
  /**
   * `l2`: rate · parameter is added to the gradient, as PyTorch's Adam does; `decoupled`: the parameters shrink by
   * learning rate · rate before the step, as PyTorch's AdamW does (Loshchilov & Hutter 2019).
   */
  weightDecay: { kind: 'l2' | 'decoupled'; rate: number };
  /** Largest Euclidean norm of the whole gradient: a longer one is scaled down to it (Pascanu et al. 2013). */
  maxGradientNorm: number;
}

export const DEFAULT_ADAM: AdamOptions = {
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: { kind: 'l2', rate: 0 },
  maxGradientNorm: Number.POSITIVE_INFINITY,
};

/** What an optimiser carries from step to step: flat vectors of one length. */
export interface AdamState<Vector> {
  parameters: Vector;
  /** Mean of the gradients, m. */
  firstMoment: Vector;
  /** Mean of the squared gradients, v. */
  secondMoment: Vector;
}

/** What changes from step to step: scalars. */
export interface AdamRates<Rate> {
  learningRate: Rate;
  /** α/(1 − β₁ᵗ). */
  stepSize: Rate;
  /** 1/√(1 − β₂ᵗ). */
  secondMomentScale: Rate;
}

/** The rates of step `step`, counted from 1. */
export function adamRates(learningRate: number, step: number, { beta1, beta2 }: AdamOptions): AdamRates<number> {
  return {
    learningRate,
    stepSize: learningRate / (1 - beta1 ** step),
    secondMomentScale: 1 / Math.sqrt(1 - beta2 ** step),
  };
}

/** PyTorch's `clip_grad_norm_` divides by norm + this. */
const NORM_EPSILON = 1e-6;

/**
 * One step of Adam (Kingma & Ba 2015, algorithm 1) as graph nodes. The gradient is clipped first, then decayed weights are
 * added to it. ε is added to √v̂, as in the paper and in PyTorch.
 */
export function adamStep(
  state: AdamState<Tensor>,
  gradient: Tensor,
  rates: AdamRates<Tensor>,
  { beta1, beta2, epsilon, weightDecay, maxGradientNorm }: AdamOptions,
): AdamState<Tensor> {
  const { graph } = gradient;
  let { parameters } = state;
  let descent = Number.isFinite(maxGradientNorm) ? clipped(gradient, maxGradientNorm) : gradient;
  if (weightDecay.rate > 0) {
    const rate = graph.scalar(weightDecay.rate);
    if (weightDecay.kind === 'l2') descent = add(descent, mul(parameters, rate));
    else parameters = mul(parameters, sub(graph.scalar(1), mul(rates.learningRate, rate)));
  }
  const firstMoment = movingMean(state.firstMoment, descent, beta1);
  const secondMoment = movingMean(state.secondMoment, square(descent), beta2);
  const deviation = add(mul(sqrt(secondMoment), rates.secondMomentScale), graph.scalar(epsilon));
  return {
    parameters: sub(parameters, mul(div(firstMoment, deviation), rates.stepSize)),
    firstMoment,
    secondMoment,
  };
}

function movingMean(mean: Tensor, value: Tensor, decay: number): Tensor {
  const { graph } = value;
  return add(mul(mean, graph.scalar(decay)), mul(value, graph.scalar(1 - decay)));
}

function clipped(gradient: Tensor, maxNorm: number): Tensor {
  const { graph } = gradient;
  const norm = sqrt(reduceSum(square(gradient)));
  const scale = div(graph.scalar(maxNorm), add(norm, graph.scalar(NORM_EPSILON)));
  return mul(gradient, graph.emit('Min', [scale, graph.scalar(1)], [[]])[0]!);
}
