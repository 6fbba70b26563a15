import { openConfiguredModelStore } from '@liminal/shared/adapters/model-store-settings';
import { checkRedis, connectRedis } from '@liminal/shared/adapters/redis';
import { openReleasesQueue } from '@liminal/shared/adapters/releases-queue';
import { openTrainingQueue } from '@liminal/shared/adapters/training-queue';
import type { RunningService, ServiceContext, ServiceDefinition } from '@liminal/shared/runtime/service';
import { type Config, loadConfig } from './config.ts';
import { DriftWatch } from './handlers/drift-watch.ts';
import { PredictionsTail } from './handlers/predictions-tail.ts';
import { RetrainerLoop } from './handlers/retrainer-loop.ts';
import { RolloutJobs } from './handlers/rollout-jobs.ts';
import { ServingReader } from './handlers/serving-reader.ts';
import { ShadowReader } from './handlers/shadow-reader.ts';
import { createMetrics } from './metrics.ts';
import { observePlatform } from './policy/observe-platform.ts';
import { VerdictReader } from './policy/verdict-counts.ts';
import { addDriftRoutes } from './routes/drift.ts';
import { addHistoryRoutes } from './routes/history.ts';
import { addPolicyRoutes } from './routes/policy.ts';
import { addRequestRoutes } from './routes/requests.ts';
import { StateStore } from './state/state-store.ts';

export const service: ServiceDefinition<Config> = {
  name: 'auto-retrainer',
  description: 'Watches drift; decides when to train; gates, deploys, watches and rolls back releases',
  loadConfig,
  start,
};

async function start({ config, logger, registry, readiness, http }: ServiceContext<Config>): Promise<RunningService> {
  const { redisUrl: url, partitions, instanceId, leaseMs, anomalyAlertRate, driftRoundMs: roundMs } = config;
  const metrics = createMetrics(registry);
  const redis = connectRedis({ url, logger, connectionName: 'auto-retrainer', purpose: 'call' });
  const store = openConfiguredModelStore(config.modelStore);
  const training = openTrainingQueue(redis);
  const releases = openReleasesQueue(redis);
  for (const queue of [training, releases]) {
    queue.on('error', (error) => logger.warn({ err: error, queue: queue.name }, 'queue can not be reached'));
  }
  const state = new StateStore({ redis, instanceId, leaseMs });
  const drift = new DriftWatch({
    store,
    roundMs,
    checkEveryMs: config.driftCheckEveryMs,
    falseAlarmRate: config.driftFalseAlarmRate,
    anomalyAlertRate,
    logger,
    now: Date.now,
  });
  const sources = {
    store,
    queue: training,
    verdicts: new VerdictReader(redis, logger),
    publicKeyFile: config.releasePublicKeyFile,
  };
  const loop = new RetrainerLoop({
    observe: () => observePlatform(sources),
    store: state,
    tail: new PredictionsTail(redis, partitions),
    drift,
    jobs: new RolloutJobs({ training, releases, anomalyAlertRate, holdOutShare: config.gateHoldOutShare }),
    shadow: new ShadowReader(redis, partitions),
    serving: new ServingReader(redis, partitions),
    limits: config,
    everyMs: config.policyEveryMs,
    roundMs,
    metrics,
    logger,
    now: Date.now,
  });
  readiness.require('redis', () => checkRedis(redis));
  readiness.require('model store', () => store.ping());
  readiness.require('rules', () => loop.check());
  addPolicyRoutes(http, loop);
  addDriftRoutes(http, loop);
  addHistoryRoutes(http, { loop, store });
  addRequestRoutes(http, { state, store });
  return {
    run: () => loop.start(),
    async stop() {
      await loop.stop();
      await training.close();
      await releases.close();
      redis.disconnect();
      store.close();
    },
  };
}
