import { connectRedis } from '@liminal/shared/adapters/redis';
import { analysisQueue, queuePrefix } from '@liminal/shared/contracts/keys';
import type { HttpServer } from '@liminal/shared/runtime/http-server';
import { QueueEvents } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { openAnalysisQueue } from './analysis/analysis-queue.ts';
import { AnalysisStore } from './analysis/analysis-store.ts';
import { Analyst } from './analysis/analyst.ts';
import type { Budget } from './analysis/budget/budget.ts';
import type { AnalysisMetrics } from './analysis/metrics.ts';
import { Provider } from './analysis/providers/provider.ts';
import type { Config } from './config.ts';
import { AnalysisJobs } from './handlers/analysis-jobs.ts';
import { CriticalAnomalies } from './handlers/critical-anomalies.ts';
import { addAnalysisRoutes } from './routes/analysis.ts';
import { addAnalysisStreamRoute } from './routes/analysis-stream.ts';

export interface AnalysesOptions {
  http: HttpServer;
  config: Config;
  /** For calls that somebody waits for. */
  api: Redis;
  budget: Budget;
  metrics: AnalysisMetrics;
  logger: Logger;
  now(): number;
}

/** Wires the analysis of anomalies: queue, worker, what is analysed of its own accord, and routes. */
export function openAnalyses({ http, config, api, budget, metrics, logger, now }: AnalysesOptions) {
  const { redisUrl: url, partitions } = config;
  const { calls, panel, cacheSeconds, keepSeconds, concurrency, isAutomatic } = config.analysis;
  const connect = (name: string): Redis =>
    connectRedis({ url, logger, connectionName: `backend:${name}`, purpose: 'worker' });
  const jobsConnection = connect('analysis');
  const reader = connect('analysis:reader');
  const watcher = connect('analysis:events');
  const store = new AnalysisStore({ redis: jobsConnection, keepSeconds, cacheSeconds });
  const providers = config.analysis.providers.map(
    (settings) => new Provider(settings, { budget, metrics, calls, log: logger }),
  );
  const analyst = new Analyst({
    providers,
    panel,
    store,
    pseudonymKey: () => store.pseudonymKey(now()),
    onCached: (provider) => metrics.calls.labels(provider, 'cached').inc(),
    now,
  });
  const queue = openAnalysisQueue(api);
  const workerQueue = openAnalysisQueue(jobsConnection);
  const queueEvents = new QueueEvents(analysisQueue, { connection: watcher, prefix: queuePrefix });
  const warn = (error: Error): void => logger.warn({ err: error }, 'analysis queue can not be reached; retrying');
  queue.on('error', warn);
  workerQueue.on('error', warn);
  queueEvents.on('error', warn);
  const jobs = new AnalysisJobs({ connection: jobsConnection, analyst, store, concurrency, metrics, logger });
  const critical = isAutomatic
    ? new CriticalAnomalies({ reader, redis: jobsConnection, queue: workerQueue, store, partitions, logger })
    : undefined;
  const apiStore = new AnalysisStore({ redis: api, keepSeconds, cacheSeconds });
  addAnalysisRoutes(http, { redis: api, queue, queueEvents, store: apiStore, partitions, logger });
  addAnalysisStreamRoute(http, { queue, queueEvents, store: apiStore });
  return {
    start(): void {
      jobs.start();
      critical?.start();
    },
    async stop(): Promise<void> {
      const connections = [jobsConnection, reader, watcher];
      const isThere = connections.every(({ status }) => status === 'ready');
      const ended = Promise.allSettled([jobs.stop(isThere), critical?.stop(), queueEvents.close()]);
      // Without Redis there is nothing to hand over, and they would wait for it.
      if (isThere) await ended;
      for (const connection of connections) connection.disconnect();
    },
  };
}
