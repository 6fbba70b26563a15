import type { AnomalyEntry } from '@liminal/shared/contracts/anomaly-entry';
import { analysisQueue, queuePrefix } from '@liminal/shared/contracts/keys';
import { type Job, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { readHistory, readRecentEvents } from '../queries/recent-events.ts';
import { type AnalysisProgress, analysisProgressSchema } from './analysis.ts';
import { evidenceOf, evidenceSchema } from './evidence.ts';

export const ANALYSE_ANOMALY = 'analyse-anomaly';
/** Who asks where nobody does. */
export const AUTOMATIC = 'automatic';

/** A job of the queue `analysis`. The evidence is that of the moment of the request: events are soon gone from the pipe. */
export const analysisJobSchema = z.object({
  requestedBy: z.string(),
  isFresh: z.boolean(),
  evidence: evidenceSchema,
});
export type AnalysisJob = z.infer<typeof analysisJobSchema>;
export type AnalysisQueue = Queue<AnalysisJob, void, typeof ANALYSE_ANOMALY>;

export const JOB_STATUSES = ['queued', 'running', 'done', 'failed'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/** BullMQ works low numbers first: somebody waits for what was asked for. */
const PRIORITY = { asked: 1, automatic: 10 };
const ATTEMPTS = { attempts: 3, backoff: { type: 'exponential', delay: 1_000 } } as const;
/** The result is kept apart; jobs only tell how it went. */
const HISTORY = {
  removeOnComplete: { age: 3_600, count: 1_000 },
  removeOnFail: { age: 86_400, count: 1_000 },
} as const;

export function openAnalysisQueue(connection: Redis): AnalysisQueue {
  return new Queue(analysisQueue, {
    connection,
    prefix: queuePrefix,
    defaultJobOptions: { ...ATTEMPTS, ...HISTORY },
  });
}

/** One job an anomaly, whoever asks for it how often. */
export const analysisJobId = (anomaly: string): string => `anomaly-${anomaly}`;

export interface AnalysisRequest {
  entry: AnomalyEntry;
  anomaly: string;
  requestedBy: string;
  isFresh: boolean;
}

/** Puts the analysis of an anomaly in the queue, unless it is there and has not failed. */
export async function requestAnalysis(
  queue: AnalysisQueue,
  redis: Redis,
  partitions: number,
  { entry, anomaly, requestedBy, isFresh }: AnalysisRequest,
): Promise<void> {
  const jobId = analysisJobId(anomaly);
  const existing = await queue.getJob(jobId);
  if (existing !== undefined) {
    const status = await statusOf(existing);
    if (status === 'queued' || status === 'running') return;
    // What has ended stands in the way of the same id.
    await existing.remove();
  }
  const surroundings = await surroundingsOf(entry, redis, partitions);
  const job = { requestedBy, isFresh, evidence: evidenceOf(entry, surroundings) };
  const priority = requestedBy === AUTOMATIC ? PRIORITY.automatic : PRIORITY.asked;
  await queue.add(ANALYSE_ANOMALY, job, { jobId, priority });
}

async function surroundingsOf(entry: AnomalyEntry, redis: Redis, partitions: number) {
  if (entry.entity === 'series') return { history: [], events: [] };
  const { user, ts } = entry.record;
  const [history, events] = await Promise.all([
    readHistory(redis, user, partitions),
    readRecentEvents(redis, user, ts, partitions),
  ]);
  return { history, events };
}

export async function statusOf(job: Job<AnalysisJob>): Promise<JobStatus> {
  const state = await job.getState();
  if (state === 'active') return 'running';
  if (state === 'completed') return 'done';
  return state === 'failed' ? 'failed' : 'queued';
}

/** How far a job is; null before anybody was asked. */
export const progressOf = (progress: unknown): AnalysisProgress | null =>
  analysisProgressSchema.safeParse(progress).data ?? null;
