import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import {
  TRAIN_RELEASE,
  TRAINING_ATTEMPTS,
  TRAINING_HISTORY,
  type TrainingJob,
  type TrainingJobName,
  type TrainingJobResult,
  type TrainReleaseJob,
} from '../contracts/jobs.ts';
import { queuePrefix, trainingQueue } from '../contracts/keys.ts';

export type TrainingQueue = Queue<TrainingJob, TrainingJobResult, TrainingJobName>;

export function openTrainingQueue(connection: Redis): TrainingQueue {
  return new Queue(trainingQueue, {
    connection,
    prefix: queuePrefix,
    defaultJobOptions: { ...TRAINING_ATTEMPTS, ...TRAINING_HISTORY },
  });
}

/** Puts a training in the queue and returns its job id. With a `jobId` that is there already nothing is added. */
export async function requestTraining(queue: TrainingQueue, job: TrainReleaseJob, jobId?: string): Promise<string> {
  const added = await queue.add(TRAIN_RELEASE, job, jobId === undefined ? {} : { jobId });
  return added.id!;
}
