import type { AnomalyEntry } from '@liminal/shared/contracts/anomaly-entry';
import { type Language, languageSchema } from '@liminal/shared/contracts/explanation';
import { errorBodySchema, type HttpServer } from '@liminal/shared/runtime/http-server';
import type { QueueEvents } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { z } from 'zod';
import { type Analysis, analysisProgressSchema, analysisSchema } from '../analysis/analysis.ts';
import {
  type AnalysisQueue,
  analysisJobId,
  JOB_STATUSES,
  progressOf,
  requestAnalysis,
  statusOf,
} from '../analysis/analysis-queue.ts';
import type { AnalysisStore } from '../analysis/analysis-store.ts';
import { errors } from '../errors.ts';
import { findAnomaly } from '../queries/anomalies.ts';

const LONGEST_WAIT_SECONDS = 60;

const paramsSchema = z.object({ id: z.string().regex(/^[\w-]{20}$/, 'must be the id of an anomaly: 20 characters') });
const langSchema = z.strictObject({ lang: languageSchema.default('en').describe('Of the summary') });
const askSchema = langSchema.extend({
  wait: z.coerce
    .number()
    .min(0)
    .max(LONGEST_WAIT_SECONDS)
    .default(0)
    .describe('Seconds to wait for the result before it is answered that it is not there yet'),
  again: z
    .stringbool()
    .default(false)
    .describe('Analyse anew although there is a result, and do not take verdicts on anomalies that look alike'),
  by: z.string().trim().min(1).max(200).default('unnamed').describe('Who asks'),
});

const doneSchema = z.object({
  status: z.literal('done'),
  summary: z.string().describe('One line, by rule from the consensus'),
  ...analysisSchema.omit({ summaries: true }).shape,
});
const pendingSchema = z.object({
  status: z.enum(JOB_STATUSES).exclude(['done']),
  anomaly: z.string(),
  job: z.string().describe('Id of the job in the queue analysis'),
  progress: analysisProgressSchema.nullable().describe('null: nobody has been asked yet'),
});
type Pending = z.infer<typeof pendingSchema>;

export interface AnalysisRoutesOptions {
  redis: Redis;
  queue: AnalysisQueue;
  queueEvents: QueueEvents;
  store: AnalysisStore;
  partitions: number;
  logger: Logger;
}

export function addAnalysisRoutes(http: HttpServer, options: AnalysisRoutesOptions): void {
  const { redis, queue, queueEvents, store, partitions, logger } = options;
  http.post(
    '/ml/anomalies/:id/analysis',
    {
      schema: {
        tags: ['analysis'],
        summary: 'Has an anomaly analysed: by the LLM providers that are set up, or by rule',
        params: paramsSchema,
        querystring: askSchema,
        response: { 200: doneSchema, 202: pendingSchema, 404: errorBodySchema },
      },
    },
    async ({ params: { id }, query: { wait, again, by, lang } }, reply) => {
      const before = again ? undefined : await store.analysis(id);
      if (before !== undefined) return toDone(before, lang);
      const entry = await existing(id);
      if (again) await store.forgetAnalysis(id);
      await requestAnalysis(queue, redis, partitions, { entry, anomaly: id, requestedBy: by, isFresh: again });
      if (wait > 0) await finished(id, wait * 1_000);
      const analysis = await store.analysis(id);
      if (analysis !== undefined) return toDone(analysis, lang);
      return reply.code(202).send(await pending(id));
    },
  );

  http.get(
    '/ml/anomalies/:id/analysis',
    {
      schema: {
        tags: ['analysis'],
        summary: 'The analysis of an anomaly, or how far it is',
        params: paramsSchema,
        querystring: langSchema,
        response: { 200: doneSchema, 202: pendingSchema, 404: errorBodySchema },
      },
    },
    async ({ params: { id }, query: { lang } }, reply) => {
      const analysis = await store.analysis(id);
      if (analysis !== undefined) return toDone(analysis, lang);
      return reply.code(202).send(await pending(id));
    },
  );

  async function existing(id: string): Promise<AnomalyEntry> {
    const anomaly = await findAnomaly(redis, id, logger);
    if (anomaly === undefined) throw errors('LIMINAL_ERR_ANOMALY_UNKNOWN', { anomaly: id });
    return anomaly;
  }

  async function finished(id: string, waitMs: number): Promise<void> {
    const job = await queue.getJob(analysisJobId(id));
    // Failed, or not there in time: what is answered says which.
    await job?.waitUntilFinished(queueEvents, waitMs).catch(() => {});
  }

  async function pending(anomaly: string): Promise<Pending> {
    const job = await queue.getJob(analysisJobId(anomaly));
    if (job === undefined) throw errors('LIMINAL_ERR_ANALYSIS_NONE', { anomaly });
    const status = await statusOf(job);
    const progress = progressOf(job.progress);
    // Done without a result: it has run out its time, or was made anew by somebody else at this moment.
    return { status: status === 'done' ? 'running' : status, anomaly, job: job.id!, progress };
  }
}

export function toDone({ summaries, ...analysis }: Analysis, lang: Language): z.infer<typeof doneSchema> {
  return { status: 'done', summary: summaries[lang], ...analysis };
}
