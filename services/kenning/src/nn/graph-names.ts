/** Inputs and outputs of a graph of `trainingLoop` beside the problem's own. */
// Apart from the graphs themselves: a training thread runs graphs and need not load what builds them.
export const LOOP = {
  parameters: 'parameters',
  firstMoment: 'first_moment',
  secondMoment: 'second_moment',
  steps: 'steps',
  learningRate: 'learning_rate',
  stepSize: 'step_size',
  secondMomentScale: 'second_moment_scale',
  nextParameters: 'next_parameters',
  nextFirstMoment: 'next_first_moment',
  nextSecondMoment: 'next_second_moment',
  losses: 'losses',
} as const;

/** Output of a graph of `lossGraph`. */
export const LOSS_OUTPUT = 'loss';
