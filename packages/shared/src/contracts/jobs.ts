import { z } from 'zod';

/** Jobs of the queue `training`. */
export const TRAIN_RELEASE = 'train-release';

export const trainingReasonSchema = z.enum(['bootstrap', 'manual']);

/** Asks kenning to train a release from the archived rows. */
export const trainReleaseJobSchema = z.object({
  reason: trainingReasonSchema,
  requestedBy: z.string(),
  /** Whether the release is to serve at once. */
  promote: z.boolean(),
  /** Newest rows to train from; all that are kept, unless given. */
  maxRows: z.int().positive().optional(),
  seed: z.int().min(0).max(0xffff_ffff).optional(),
});
export type TrainReleaseJob = z.infer<typeof trainReleaseJobSchema>;

export const trainReleaseResultSchema = z.object({ release: z.string(), promoted: z.boolean() });
export type TrainReleaseResult = z.infer<typeof trainReleaseResultSchema>;

export const jobProgressSchema = z.object({
  stage: z.string().describe('What is being done'),
  ratio: z.number().min(0).max(1).describe('How much of the job is done'),
});
export type JobProgress = z.infer<typeof jobProgressSchema>;

/** How often a job is tried, and the wait before the next try, which doubles. */
export const TRAINING_ATTEMPTS = { attempts: 3, backoff: { type: 'exponential', delay: 5_000 } } as const;
/** Ended jobs that can still be asked about. */
export const TRAINING_HISTORY = { removeOnComplete: { count: 100 }, removeOnFail: { count: 100 } } as const;
