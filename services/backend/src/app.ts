import { checkRedis, connectRedis } from '@liminal/shared/adapters/redis';
import type { RunningService, ServiceContext, ServiceDefinition } from '@liminal/shared/runtime/service';
import { openAnalyses } from './analyses.ts';
import { Budget } from './analysis/budget/budget.ts';
import { type Config, loadConfig } from './config.ts';
import { createMetrics } from './metrics.ts';
import { readLag, readOldestWaiting } from './queries/pipeline.ts';
import { addAnomaliesRoutes } from './routes/anomalies.ts';
import { addDriftRoutes } from './routes/drift.ts';
import { addEventsRoutes } from './routes/events.ts';
import { addPipelineRoutes } from './routes/pipeline.ts';
import { addSeriesRoutes } from './routes/series.ts';
import { addUsersRoutes } from './routes/users.ts';
import { addVerdictsRoutes } from './routes/verdicts.ts';

export const service: ServiceDefinition<Config> = {
  name: 'backend',
  description: 'Takes events in; JSON API over users, anomalies and the state of the pipeline',
  loadConfig,
  start,
};

async function start({ config, logger, registry, readiness, http }: ServiceContext<Config>): Promise<RunningService> {
  const { redisUrl: url, partitions, predictionTtlSeconds } = config;
  // A connection of its own, so that a query never waits behind a call of megabytes.
  const ingest = connectRedis({ url, logger, connectionName: 'backend:ingest', purpose: 'call' });
  const api = connectRedis({ url, logger, connectionName: 'backend:api', purpose: 'call' });
  const now = Date.now;
  const budget = new Budget(api, config.analysis.budget, now);
  const pipeline = {
    lag: () => readLag(api, partitions),
    oldestWaiting: () => readOldestWaiting(api, partitions),
  };
  const metrics = createMetrics(registry, pipeline, {
    providers: config.analysis.providers.map(({ name }) => name),
    readSpentRatios: () => budget.spentRatios(),
  });
  readiness.require('redis', async () => {
    await Promise.all([checkRedis(ingest), checkRedis(api)]);
  });
  await addEventsRoutes(http, { redis: ingest, config, metrics, now });
  addUsersRoutes(http, { redis: api, partitions, predictionTtlSeconds, now });
  addAnomaliesRoutes(http, { redis: api, predictionTtlSeconds, now, logger });
  addVerdictsRoutes(http, { redis: api, metrics, now, logger });
  addSeriesRoutes(http, { redis: api, now });
  addDriftRoutes(http, { redis: api, now });
  addPipelineRoutes(http, api, partitions);
  const analyses = openAnalyses({ http, config, api, budget, metrics: metrics.analysis, logger, now });
  return {
    run: () => analyses.start(),
    async stop() {
      await analyses.stop();
      for (const connection of [ingest, api]) connection.disconnect();
    },
  };
}
