import type { TransferredError } from './error-transfer.ts';
import type { TrainingRows } from './split-rows.ts';
import type { ModelTrainingOptions, ReleaseTrainingOptions } from './train-release-models.ts';
import type { TrainingProgress } from './trained-model.ts';

/** What a process that trains a release is started with. */
export interface TrainingRequest {
  rows: TrainingRows;
  options: ReleaseTrainingOptions;
  seed: number;
}

/** What a process that trains models on rows with any columns is started with. */
export interface ModelTrainingRequest {
  rows: TrainingRows;
  options: ModelTrainingOptions;
  seed: number;
}

/** To the process. */
export type TrainingCommand = { type: 'cancel' };

/** From the process; `trained` or `failed` is the last one. */
export type TrainingReport<Trained> =
  | { type: 'progress'; progress: TrainingProgress }
  | { type: 'trained'; trained: Trained }
  | { type: 'failed'; error: TransferredError };
