import { checkRedis, connectRedis } from '@liminal/shared/adapters/redis';
import type { RunningService, ServiceContext, ServiceDefinition } from '@liminal/shared/runtime/service';
import { type Config, loadConfig } from './config.ts';
import { FeedbackStore } from './feedback/feedback-store.ts';
import { JudgedAlarms } from './feedback/judged-alarms.ts';
import { precisionOf } from './feedback/precision.ts';
import { FeedbackTending } from './handlers/feedback-tending.ts';
import { createMetrics } from './metrics.ts';
import { readLag } from './queries/pipeline.ts';
import { addAnomaliesRoutes } from './routes/anomalies.ts';
import { addAuditRoutes } from './routes/audit.ts';
import { addDriftRoutes } from './routes/drift.ts';
import { addEventsRoutes } from './routes/events.ts';
import { addPipelineRoutes } from './routes/pipeline.ts';
import { addSeriesRoutes } from './routes/series.ts';
import { addSuppressionsRoutes } from './routes/suppressions.ts';
import { addThresholdsRoutes } from './routes/thresholds.ts';
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
  const { anomalyAlertRate: alertRate, precisionFloor, minVerdicts, feedbackAutomatic: isAutomatic } = config;
  const judgedAlarms = new JudgedAlarms(api, logger);
  const metrics = createMetrics(
    registry,
    () => readLag(api, partitions),
    async () => precisionOf(await judgedAlarms.read(now()), alertRate),
  );
  const limits = { alertRate, precisionFloor, minVerdicts };
  const feedback = new FeedbackStore({ redis: api, judgedAlarms, limits, isAutomatic, logger, now });
  const tending = new FeedbackTending(feedback, logger);
  readiness.require('redis', async () => {
    await Promise.all([checkRedis(ingest), checkRedis(api)]);
  });
  await addEventsRoutes(http, { redis: ingest, config, metrics, now });
  addUsersRoutes(http, { redis: api, partitions, predictionTtlSeconds, now });
  addAnomaliesRoutes(http, { redis: api, predictionTtlSeconds, now, logger });
  addVerdictsRoutes(http, { redis: api, config, feedback, metrics, now, logger });
  addSuppressionsRoutes(http, { redis: api, config, feedback, logger });
  addThresholdsRoutes(http, { redis: api, config, feedback });
  addAuditRoutes(http, { redis: api, logger });
  addSeriesRoutes(http, { redis: api, now });
  addDriftRoutes(http, { redis: api, now });
  addPipelineRoutes(http, api, partitions);
  return {
    run() {
      tending.start();
    },
    async stop() {
      await tending.stop();
      for (const connection of [ingest, api]) connection.disconnect();
    },
  };
}
