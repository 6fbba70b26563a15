/** The loss is no longer a number: there is nothing left to train. */
export class TrainingDivergedError extends Error {
  override readonly name = 'TrainingDivergedError';
  /** Counted from 1. */
  readonly step: number;
  readonly loss: number;

  constructor(step: number, loss: number) {
    super(
      `the loss is ${loss} at step ${step}: lower the learning rate or the largest gradient norm, ` +
        'or look for values in the training rows that are far out of proportion',
    );
    this.step = step;
    this.loss = loss;
  }
}
