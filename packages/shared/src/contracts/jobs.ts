import { z } from 'zod';
import { gateReportSchema } from './gate.ts';
import { modelNameSchema } from './prediction.ts';
import { releaseIdSchema } from './release.ts';
import { labelSourceShape, modelTuningSchema, trainingOptionsSchema } from './tuning.ts';

/** Jobs of the queue `training`. */
export const TRAIN_RELEASE = 'train-release';
export const TUNE_MODELS = 'tune-models';
export const OPTIMIZE_RELEASE = 'optimize-release';
export const GATE_RELEASE = 'gate-release';

export const trainingReasonSchema = z.enum(['bootstrap', 'manual', 'drift', 'age', 'feedback']);
export type TrainingReason = z.infer<typeof trainingReasonSchema>;
const seed = z.int().min(0).max(0xffff_ffff).optional();

/** Asks kenning to train a release from the archived rows. */
export const trainReleaseJobSchema = z.object({
  reason: trainingReasonSchema,
  requestedBy: z.string(),
  /** Whether the release is to serve at once. */
  promote: z.boolean(),
  /** Newest rows to train from; all that are kept, unless given. */
  maxRows: z.int().positive().optional(),
  /** Only rows of this span of event time, ms since the epoch, both ends included. */
  sinceTs: z.int().optional(),
  untilTs: z.int().optional(),
  /** Share of the newest of these rows that is kept out of the training, to judge the release by. */
  holdOutShare: z.number().min(0).max(0.5).optional(),
  seed,
  /** In place of the models' defaults. */
  options: trainingOptionsSchema.optional(),
});
export type TrainReleaseJob = z.infer<typeof trainReleaseJobSchema>;

/** Rows that a release was not trained on: the newest ones. */
export const holdOutSchema = z.object({ rows: z.int(), fromTs: z.int(), toTs: z.int() });
export type HoldOut = z.infer<typeof holdOutSchema>;

export const trainReleaseResultSchema = z.object({
  release: z.string(),
  promoted: z.boolean(),
  holdOut: holdOutSchema.optional(),
});
export type TrainReleaseResult = z.infer<typeof trainReleaseResultSchema>;

/** Asks kenning to search the options of models on the archived rows. */
export const tuneModelsJobSchema = z.object({
  requestedBy: z.string(),
  models: z.array(modelNameSchema).min(1),
  configurations: z.int().min(2).max(200),
  maxRows: z.int().positive().optional(),
  seed,
  ...labelSourceShape,
  /** Whether what analysts have said of alarms is taken as labels as well. */
  verdicts: z.boolean().default(false),
});
export type TuneModelsJob = z.infer<typeof tuneModelsJobSchema>;

export const tuneModelsResultSchema = z.object({
  models: z.array(modelTuningSchema),
  rows: z.object({
    archived: z.int().describe('Rows that were read'),
    training: z.int().describe('Rows that trials are fitted on at most'),
    evaluation: z.int().describe('Rows outside the trials that judge without labels'),
    labelled: z.int().describe('Rows outside the trials that judge by labels'),
    labelsNotFound: z.int().describe('Labels of rows that are not in the archive'),
  }),
  seed: z.int(),
  seconds: z.number(),
  train: z.object({ options: trainingOptionsSchema }).describe('The body of POST /pipelines/train that uses the best'),
});
export type TuneModelsResult = z.infer<typeof tuneModelsResultSchema>;

/** Asks kenning for variants of the models of a release, and a report that compares them. */
export const optimizeReleaseJobSchema = z.object({
  requestedBy: z.string(),
  release: releaseIdSchema,
  models: z.array(modelNameSchema).min(1).optional(),
  /** Newest archived rows to compare on. */
  maxRows: z.int().positive(),
  ...labelSourceShape,
});
export type OptimizeReleaseJob = z.infer<typeof optimizeReleaseJobSchema>;

export const optimizeReleaseResultSchema = z.object({
  report: z.string().describe('GET /reports/{report}, and /html for people'),
  release: releaseIdSchema,
});
export type OptimizeReleaseResult = z.infer<typeof optimizeReleaseResultSchema>;

/** Asks kenning to compare a release with the one that serves, on rows that it was not trained on. */
export const gateReleaseJobSchema = z.object({
  requestedBy: z.string(),
  challenger: releaseIdSchema,
  champion: releaseIdSchema,
  holdOut: holdOutSchema,
  /** Share of normal vectors that may alarm. */
  alertRate: z.number().gt(0).max(0.5),
});
export type GateReleaseJob = z.infer<typeof gateReleaseJobSchema>;

export const TRAINING_JOB_NAMES = [TRAIN_RELEASE, TUNE_MODELS, OPTIMIZE_RELEASE, GATE_RELEASE] as const;
export type TrainingJobName = (typeof TRAINING_JOB_NAMES)[number];
export type TrainingJob = TrainReleaseJob | TuneModelsJob | OptimizeReleaseJob | GateReleaseJob;

export const trainingJobResultSchema = z.union([
  trainReleaseResultSchema,
  tuneModelsResultSchema,
  optimizeReleaseResultSchema,
  gateReportSchema,
]);
export type TrainingJobResult = z.infer<typeof trainingJobResultSchema>;

export const jobProgressSchema = z.object({
  stage: z.string().describe('What is being done'),
  ratio: z.number().min(0).max(1).describe('How much of the job is done'),
});
export type JobProgress = z.infer<typeof jobProgressSchema>;

/** How often a job is tried, and the wait before the next try, which doubles. */
export const TRAINING_ATTEMPTS = { attempts: 3, backoff: { type: 'exponential', delay: 5_000 } } as const;
/** Ended jobs that can still be asked about. */
export const TRAINING_HISTORY = { removeOnComplete: { count: 100 }, removeOnFail: { count: 100 } } as const;
