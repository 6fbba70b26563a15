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
