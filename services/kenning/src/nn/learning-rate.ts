/** The learning rate over a training. */
export interface LearningRateSchedule {
  /** `cosine` falls from `initial` to 0 over the training (Loshchilov & Hutter 2017, one period); `constant` stays. */
  kind: 'cosine' | 'constant';
  initial: number;
}

/** The rate of `step`, counted from 0, of `steps`. */
export function learningRate({ kind, initial }: LearningRateSchedule, step: number, steps: number): number {
  return kind === 'constant' ? initial : 0.5 * initial * (1 + Math.cos((Math.PI * step) / steps));
}
