import { answerTraining } from './answer-training.ts';
import { type TrainedModels, trainModels } from './train-release-models.ts';
import type { ModelTrainingRequest } from './training-messages.ts';

/** Entry of the process that `trainModelsInProcess` starts. */
await answerTraining<ModelTrainingRequest, TrainedModels>(({ rows, options }, context) =>
  trainModels(rows, options, context),
);
