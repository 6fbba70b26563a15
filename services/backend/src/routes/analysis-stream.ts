import type { ServerResponse } from 'node:http';
import { languageSchema } from '@liminal/shared/contracts/explanation';
import { errorBodySchema, type HttpServer } from '@liminal/shared/runtime/http-server';
import type { QueueEvents } from 'bullmq';
import { z } from 'zod';
import { type AnalysisQueue, analysisJobId, progressOf, statusOf } from '../analysis/analysis-queue.ts';
import type { AnalysisStore } from '../analysis/analysis-store.ts';
import { errors } from '../errors.ts';
import { toDone } from './analysis.ts';

/** Proxies give up connections on which nothing comes. */
const HEARTBEAT_MS = 15_000;
const MOST_WATCHERS = 200;

export interface AnalysisStreamOptions {
  queue: AnalysisQueue;
  queueEvents: QueueEvents;
  store: AnalysisStore;
}

/** Server-Sent Events `progress`, then `done` or `failed`, with which the stream ends. */
export function addAnalysisStreamRoute(http: HttpServer, { queue, queueEvents, store }: AnalysisStreamOptions): void {
  const watchers = new Set<ServerResponse>();
  // Each watcher listens to three kinds of event.
  queueEvents.setMaxListeners(3 * MOST_WATCHERS + 10);
  http.addHook('preClose', async () => {
    for (const watcher of watchers) watcher.end();
  });

  http.get(
    '/ml/anomalies/:id/analysis/stream',
    {
      schema: {
        tags: ['analysis'],
        summary: 'How an analysis goes on, as Server-Sent Events: progress, then done or failed',
        params: z.object({ id: z.string().regex(/^[\w-]{20}$/, 'must be the id of an anomaly: 20 characters') }),
        querystring: z.strictObject({ lang: languageSchema.default('en').describe('Of the summary') }),
        response: {
          200: z.string().describe('text/event-stream: `progress` as in the status of a job, `done` with the analysis'),
          404: errorBodySchema,
          503: errorBodySchema,
        },
      },
    },
    async ({ params: { id }, query: { lang } }, reply) => {
      const jobId = analysisJobId(id);
      const [analysis, job] = await Promise.all([store.analysis(id), queue.getJob(jobId)]);
      if (analysis === undefined && job === undefined) throw errors('LIMINAL_ERR_ANALYSIS_NONE', { anomaly: id });
      if (watchers.size >= MOST_WATCHERS) {
        throw errors('LIMINAL_ERR_ANALYSIS_WATCHERS', { limit: MOST_WATCHERS, retryAfterSeconds: 10 });
      }
      reply.hijack();
      const stream = reply.raw;
      stream.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
      const send = (event: string, data: object): void => {
        if (!stream.writableEnded) stream.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
      };
      const end = (event: string, data: object): void => {
        send(event, data);
        stream.end();
      };
      const endWithResult = async (): Promise<void> => {
        const result = await store.analysis(id);
        if (result !== undefined) end('done', toDone(result, lang));
      };
      const onProgress = (of: { jobId: string; data: unknown }): void => {
        if (of.jobId === jobId) send('progress', progressOf(of.data) ?? {});
      };
      const onCompleted = (of: { jobId: string }): void => {
        if (of.jobId === jobId) endWithResult().catch((error: Error) => stream.destroy(error));
      };
      const onFailed = (of: { jobId: string; failedReason: string }): void => {
        if (of.jobId === jobId) end('failed', { reason: of.failedReason });
      };
      queueEvents.on('progress', onProgress).on('completed', onCompleted).on('failed', onFailed);
      const heartbeat = setInterval(() => stream.write(': still here\n\n'), HEARTBEAT_MS);
      watchers.add(stream);
      stream.on('close', () => {
        clearInterval(heartbeat);
        watchers.delete(stream);
        queueEvents.off('progress', onProgress).off('completed', onCompleted).off('failed', onFailed);
      });
      // Looked at once more, now that nothing can be missed.
      if (job !== undefined) {
        const status = await statusOf(job);
        send('progress', progressOf(job.progress) ?? { asked: [], answers: [] });
        if (status === 'failed') end('failed', { reason: job.failedReason ?? 'unknown' });
      }
      await endWithResult();
    },
  );
}
