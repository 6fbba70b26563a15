import { answerTraining } from './answer-training.ts';
import { type TrainedRelease, trainReleaseModels } from './train-release-models.ts';
import type { TrainingRequest } from './training-messages.ts';

/** Entry of the process that `trainInProcess` starts. */
await answerTraining<TrainingRequest, TrainedRelease>(({ rows, options }, context) =>
  trainReleaseModels(rows, options, context),
);
