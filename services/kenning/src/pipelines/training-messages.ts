import type { TransferredError } from './error-transfer.ts';
import type { TrainingRows } from './split-rows.ts';
import type { ReleaseTrainingOptions, TrainedRelease } from './train-release-models.ts';
import type { TrainingProgress } from './trained-model.ts';

/** What a training process is started with. */
export interface TrainingRequest {
  rows: TrainingRows;
  options: ReleaseTrainingOptions;
  seed: number;
}

/** To the thread. */
export type TrainingCommand = { type: 'cancel' };

/** From the thread; `trained` or `failed` is the last one. */
export type TrainingReport =
  | { type: 'progress'; progress: TrainingProgress }
  | { type: 'trained'; release: TrainedRelease }
  | { type: 'failed'; error: TransferredError };
