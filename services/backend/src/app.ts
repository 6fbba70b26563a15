import { openConfiguredModelStore } from '@liminal/shared/adapters/model-store-settings';
import { PartitionGroup } from '@liminal/shared/adapters/partition-group';
import { checkRedis, connectRedis } from '@liminal/shared/adapters/redis';
import { readTrustedKeys } from '@liminal/shared/release/signing-key';
import { EventLoopShare } from '@liminal/shared/runtime/event-loop-share';
import type { RunningService, ServiceContext, ServiceDefinition } from '@liminal/shared/runtime/service';
import { openAnalyses } from './analyses.ts';
import { Budget } from './analysis/budget/budget.ts';
import { type Config, loadConfig } from './config.ts';
import { FeedbackStore } from './feedback/feedback-store.ts';
import { JudgedAlarms } from './feedback/judged-alarms.ts';
import { precisionOf } from './feedback/precision.ts';
import { FeedbackTending } from './handlers/feedback-tending.ts';
import { IncidentKeeper } from './handlers/incident-keeper.ts';
import { IncidentStore } from './incidents/incident-store.ts';
import { createMetrics } from './metrics.ts';
import { readLag, readOldestWaiting } from './queries/pipeline.ts';
import { ScoringReleases } from './releases/scoring-release.ts';
import { addAnomaliesRoutes } from './routes/anomalies.ts';
import { addAnomalyRoute } from './routes/anomaly.ts';
import { addAnomalyStreamRoute } from './routes/anomaly-stream.ts';
import { addAuditRoutes } from './routes/audit.ts';
import { addDriftRoutes } from './routes/drift.ts';
import { addEventsRoutes } from './routes/events.ts';
import { addIncidentsRoutes } from './routes/incidents.ts';
import { addPipelineRoutes } from './routes/pipeline.ts';
import { addSeriesRoutes } from './routes/series.ts';
import { addSuppressionsRoutes } from './routes/suppressions.ts';
import { addThresholdsRoutes } from './routes/thresholds.ts';
import { addUsersRoutes } from './routes/users.ts';
import { addVerdictsRoutes } from './routes/verdicts.ts';
import { AnomalyFeed } from './stream/anomaly-feed.ts';

/** How long the incidents stay with a replica that gives no sign of life. */
const LEASE_MS = 10_000;

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
  const follow = connectRedis({ url, logger, connectionName: 'backend:follow', purpose: 'worker' });
  const now = Date.now;
  const budget = new Budget(api, config.analysis.budget, now);
  const pipeline = {
    lag: () => readLag(api, partitions),
    oldestWaiting: () => readOldestWaiting(api, partitions),
  };
  const { anomalyAlertRate: alertRate, precisionFloor, minVerdicts, feedbackAutomatic: isAutomatic } = config;
  const judgedAlarms = new JudgedAlarms(api, logger);
  const metrics = createMetrics(registry, {
    pipeline,
    precision: async () => precisionOf(await judgedAlarms.read(now()), alertRate),
    analysis: {
      providers: config.analysis.providers.map(({ name }) => name),
      readSpentRatios: () => budget.spentRatios(),
    },
  });
  const store = openConfiguredModelStore(config.modelStore);
  const releases = new ScoringReleases({
    store,
    readTrustedKeys: () => readTrustedKeys(config.releasePublicKeyFile),
    logger,
  });
  const feed = new AnomalyFeed({
    reader: follow,
    redis: api,
    maxClients: config.anomalyStreamClients,
    bufferBytes: config.anomalyStreamBufferBytes,
    heartbeatMs: config.anomalyStreamHeartbeatMs,
    share: new EventLoopShare(),
    metrics,
    logger,
  });
  const keeping = connectRedis({ url, logger, connectionName: 'backend:incidents', purpose: 'call' });
  const keeper = new IncidentKeeper({
    redis: keeping,
    group: new PartitionGroup({
      redis: keeping,
      group: 'incidents',
      partitions: 1,
      instanceId: config.instanceId,
      leaseMs: LEASE_MS,
    }),
    store: new IncidentStore(keeping, now),
    metrics,
    logger,
  });
  const limits = { alertRate, precisionFloor, minVerdicts };
  const feedback = new FeedbackStore({ redis: api, judgedAlarms, limits, isAutomatic, logger, now });
  const tending = new FeedbackTending(feedback, logger);
  readiness.require('redis', async () => {
    await Promise.all([checkRedis(ingest), checkRedis(api)]);
  });
  readiness.require('incidents', () => keeper.check());
  await addEventsRoutes(http, { redis: ingest, config, metrics, now });
  addUsersRoutes(http, { redis: api, partitions, predictionTtlSeconds, now });
  addAnomaliesRoutes(http, { redis: api, predictionTtlSeconds, now, logger });
  addAnomalyRoute(http, { redis: api, partitions, releases, predictionTtlSeconds, now, logger });
  addAnomalyStreamRoute(http, feed);
  addVerdictsRoutes(http, { redis: api, config, feedback, metrics, now, logger });
  addSuppressionsRoutes(http, { redis: api, config, feedback, logger });
  addThresholdsRoutes(http, { redis: api, config, feedback });
  addAuditRoutes(http, { redis: api, logger });
  addSeriesRoutes(http, { redis: api, now });
  addDriftRoutes(http, { redis: api, now });
  addIncidentsRoutes(http, { redis: api, predictionTtlSeconds, now, logger });
  addPipelineRoutes(http, api, partitions);
  const analyses = openAnalyses({ http, config, api, budget, metrics: metrics.analysis, logger, now });
  return {
    run() {
      feed.start();
      keeper.start();
      tending.start();
      analyses.start();
    },
    async stop() {
      await Promise.all([feed.stop(), keeper.stop(), tending.stop(), analyses.stop()]);
      for (const connection of [ingest, api, keeping]) connection.disconnect();
      store.close();
    },
  };
}
