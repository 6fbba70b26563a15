import { setImmediate } from 'node:timers/promises';
import { Random } from '@liminal/shared/runtime/random';
import { type LearningRateSchedule, learningRate } from './learning-rate.ts';
import type { AdamOptions } from './optimizer.ts';
import { type StepDraw, StepInputs } from './step-draws.ts';
import { TrainingDivergedError } from './training-diverged-error.ts';
import { initialState, LossSession, type TensorValues, TrainingSession } from './training-session.ts';

/** Everything a training needs, as plain data, so that it can cross a thread. */
export interface TrainingTask {
  /** A graph of `trainingLoop`. */
  loop: Uint8Array;
  dataSets: Readonly<Record<string, TensorValues>>;
  stepDraws: Readonly<Record<string, StepDraw>>;
  initialParameters: Float32Array;
  /** The options the loop was built with. */
  optimizer: AdamOptions;
  learningRate: LearningRateSchedule;
  /** Most steps to do. */
  steps: number;
  /** Steps a run: a run blocks its thread, and progress, cancellation and validation happen between runs. */
  stepsPerRun: number;
  /** Stops early where the validation loss has stopped falling; left out, all steps are done. */
  validation?: ValidationTask | undefined;
  seed: number;
}

export interface ValidationTask {
  /** A graph of `lossGraph`. */
  loss: Uint8Array;
  inputs: Readonly<Record<string, TensorValues>>;
  /** Runs without a new smallest validation loss after which the training ends. */
  patience: number;
}

export interface TrainingResult {
  /** Those with the smallest validation loss, or the last ones where there is no validation. */
  parameters: Float32Array;
  /** One a step done. */
  losses: Float32Array;
  /** One a run; empty without validation. */
  validationLosses: Float64Array;
  /** Steps after which `parameters` were reached. */
  bestStep: number;
}

export interface TrainingObserver {
  /** Called with the share of the steps that is done, in [0, 1], never falling. */
  onProgress?: ((share: number) => void) | undefined;
  /** Looked at between runs; the training then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/**
 * Trains in this thread; the same task gives the same bits on the same kind of processor. The thread is blocked during
 * each run and free between two. Rejects with `TrainingDivergedError` or with the reason of the signal.
 */
export async function train(
  task: TrainingTask,
  { onProgress, signal }: TrainingObserver = {},
): Promise<TrainingResult> {
  signal?.throwIfAborted();
  onProgress?.(0);
  await setImmediate();
  signal?.throwIfAborted();
  const training = await TrainingSession.open(task.loop, task.optimizer, task.dataSets);
  const validation = task.validation && (await LossSession.open(task.validation.loss, task.validation.inputs));
  try {
    const inputs = new StepInputs(task.stepDraws, new Random(task.seed));
    const losses = new Float32Array(task.steps);
    const validationLosses: number[] = [];
    let state = initialState(task.initialParameters);
    let best = { loss: Number.POSITIVE_INFINITY, parameters: state.parameters, step: 0 };
    while (state.step < task.steps) {
      const first = state.step;
      const count = Math.min(task.stepsPerRun, task.steps - first);
      const rates = Array.from({ length: count }, (_, i) => learningRate(task.learningRate, first + i, task.steps));
      const run = await training.run(state, rates, inputs.next(count));
      assertFinite(run.losses, first);
      losses.set(run.losses, first);
      state = run.state;
      if (validation) {
        const loss = await validation.loss(state.parameters);
        assertFinite([loss], state.step - 1);
        validationLosses.push(loss);
        if (loss < best.loss) best = { loss, parameters: state.parameters, step: state.step };
        else if (state.step - best.step >= task.validation!.patience * task.stepsPerRun) break;
      }
      onProgress?.(state.step / task.steps);
      await setImmediate();
      signal?.throwIfAborted();
    }
    if (!validation) best = { ...best, parameters: state.parameters, step: state.step };
    const nonFinite = best.parameters.find((value) => !Number.isFinite(value));
    if (nonFinite !== undefined) throw new TrainingDivergedError(best.step, nonFinite);
    onProgress?.(1);
    return {
      parameters: best.parameters,
      losses: losses.slice(0, state.step),
      validationLosses: Float64Array.from(validationLosses),
      bestStep: best.step,
    };
  } finally {
    await training.release();
    await validation?.release();
  }
}

function assertFinite(losses: ArrayLike<number>, first: number): void {
  for (let index = 0; index < losses.length; index++) {
    const loss = losses[index]!;
    if (!Number.isFinite(loss)) throw new TrainingDivergedError(first + index + 1, loss);
  }
}
