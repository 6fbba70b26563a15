import type { Tensor } from './differentiable-graph.ts';
import { add, div, mul, sqrt, square, sub } from './operations/elementwise.ts';
import { reduceSum } from './operations/reduction.ts';
import type { AdamOptions, AdamRates, AdamState } from './optimizer.ts';

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
