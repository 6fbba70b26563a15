import { openConfiguredModelStore } from '@liminal/shared/adapters/model-store-settings';
import { PartitionGroup } from '@liminal/shared/adapters/partition-group';
import { checkRedis, connectRedis } from '@liminal/shared/adapters/redis';
import { StreamWorker } from '@liminal/shared/adapters/stream-worker';
import type { OpenRelease } from '@liminal/shared/release/open-release';
import { readTrustedKeys } from '@liminal/shared/release/signing-key';
import { EventLoopShare } from '@liminal/shared/runtime/event-loop-share';
import { Mutex } from '@liminal/shared/runtime/mutex';
import type { RunningService, ServiceContext, ServiceDefinition } from '@liminal/shared/runtime/service';
import { AlarmPolicyWatcher } from './alarms/alarm-policy-watcher.ts';
import { type Config, loadConfig } from './config.ts';
import { errors } from './errors.ts';
import { Explanations } from './explanations/explanations.ts';
import { AnomalyExplanations } from './handlers/anomaly-explanations.ts';
import { FeaturesSession } from './handlers/features.ts';
import { SeriesWatch } from './handlers/series-watch.ts';
import { ServingFailures } from './handlers/serving-failures.ts';
import { createMetrics } from './metrics.ts';
import { addAlarmPolicyRoutes } from './routes/alarm-policy.ts';
import { addExplainRoutes } from './routes/explain.ts';
import { addPredictRoutes } from './routes/predict.ts';
import { MicroBatcher } from './scoring/micro-batcher.ts';
import { ReleaseWatcher } from './sessions/release-watcher.ts';
import { ShadowScorer } from './shadow/shadow-scorer.ts';

const BATCH_ENTRIES = 32;
/** Long enough for a few vectors to come together: a run of the models costs little more for ten than for one. */
const ROUND_MS = 25;

export const service: ServiceDefinition<Config> = {
  name: 'predictor',
  description: 'Scores feature vectors with the released models',
  loadConfig,
  start,
};

async function start({
  config,
  logger,
  registry,
  readiness,
  tracer,
  http,
}: ServiceContext<Config>): Promise<RunningService> {
  const { redisUrl: url, partitions, instanceId, leaseMs } = config;
  const metrics = createMetrics(registry, { partitions: () => worker.partitions.length });
  metrics.alertBudget.set(config.anomalyAlertRate);
  const redis = connectRedis({ url, logger, connectionName: 'predictor', purpose: 'worker' });
  const reader = connectRedis({ url, logger, connectionName: 'predictor:reader', purpose: 'worker' });
  const api = connectRedis({ url, logger, connectionName: 'predictor:api', purpose: 'call' });
  const store = openConfiguredModelStore(config.modelStore);
  const watcher = new ReleaseWatcher({
    store,
    readTrustedKeys: () => readTrustedKeys(config.releasePublicKeyFile),
    pollMs: config.releasePollMs,
    logger,
    metrics,
    // Predictions do not wait for explanations: without them anomalies say so.
    onOpen: (loaded) =>
      explanations
        .open(loaded)
        .catch((error: unknown) => logger.error({ err: error }, 'the release can not be explained')),
    // Between rounds, since anomalies are explained by the release that has found them.
    onReplaced: (release) =>
      void worker.runBetweenRounds(async () => {
        explanations
          .close(release)
          .catch((error: unknown) => logger.error({ err: error, release }, 'could not close the explained release'));
      }),
  });
  const explanations = new Explanations({ logger });
  const failures = new ServingFailures({ redis, logger });
  const anomalyExplanations = new AnomalyExplanations({
    redis,
    explanations,
    isOn: config.explainAnomalies,
    failures,
    metrics,
    logger,
  });
  const alarmPolicy = new AlarmPolicyWatcher({
    redis,
    pollMs: config.alarmPolicyPollMs,
    metrics,
    logger,
    now: Date.now,
  });
  const share = new EventLoopShare();
  const scoring = new Mutex();
  const { anomalyAlertRate } = config;
  const shadow = new ShadowScorer({ redis, shadow: () => watcher.shadow, anomalyAlertRate, metrics, logger });
  const worker = new StreamWorker({
    stream: 'features',
    reader,
    group: new PartitionGroup({ redis, group: 'predictor', partitions, instanceId, leaseMs }),
    batchEntries: BATCH_ENTRIES,
    roundMs: ROUND_MS,
    logger,
    open: (lease) =>
      FeaturesSession.open(lease, {
        redis,
        config,
        metrics,
        logger,
        release: () => watcher.current,
        share,
        shadow,
        failures,
        scoring,
        explanations: anomalyExplanations,
        tracer,
        alarms: () => (alarmPolicy.hasLooked ? alarmPolicy.current : undefined),
        now: Date.now,
      }),
  });
  const seriesWatch = new SeriesWatch({
    redis,
    group: new PartitionGroup({ redis, group: 'series-watch', partitions: 1, instanceId, leaseMs }),
    config,
    metrics,
    logger,
    share,
    now: Date.now,
  });
  const release = (): OpenRelease => {
    if (watcher.current !== undefined) return watcher.current;
    throw errors('LIMINAL_ERR_PREDICTION_NO_RELEASE', { waitingFor: watcher.waitingFor, retryAfterSeconds: 2 });
  };
  const batcher = new MicroBatcher(release, (seconds, rows) => {
    metrics.inferenceDuration.observe(seconds);
    metrics.requestedVectors.inc(rows);
  });
  readiness.require('redis', () => checkRedis(api));
  readiness.require('features', () => worker.check());
  readiness.require('series', () => seriesWatch.check());
  readiness.require('release', () => {
    if (watcher.current === undefined) throw new Error(watcher.waitingFor);
  });
  addPredictRoutes(http, {
    redis: api,
    config,
    batcher,
    waitingFor: () => (watcher.current === undefined ? watcher.waitingFor : undefined),
    now: Date.now,
  });
  addExplainRoutes(http, { redis: api, config, explanations, release, metrics });
  addAlarmPolicyRoutes(http, alarmPolicy);
  return {
    run() {
      alarmPolicy.start();
      watcher.start();
      worker.start();
      seriesWatch.start();
    },
    async stop() {
      await Promise.all([worker.stop(), seriesWatch.stop()]);
      await Promise.all([watcher.stop(), alarmPolicy.stop()]);
      await explanations.stop();
      for (const connection of [redis, reader, api]) connection.disconnect();
      store.close();
    },
  };
}
