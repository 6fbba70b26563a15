import { openConfiguredModelStore } from '@liminal/shared/adapters/model-store-settings';
import { checkRedis, connectRedis } from '@liminal/shared/adapters/redis';
import { openTrainingQueue } from '@liminal/shared/adapters/training-queue';
import type { RunningService, ServiceContext, ServiceDefinition } from '@liminal/shared/runtime/service';
import { type Config, loadConfig } from './config.ts';
import { PolicyLoop } from './handlers/policy-loop.ts';
import { createMetrics } from './metrics.ts';
import { observeSituation } from './policy/observe-situation.ts';
import { addPolicyRoutes } from './routes/policy.ts';

export const service: ServiceDefinition<Config> = {
  name: 'auto-retrainer',
  description: 'Decides when to train: for now, when there is enough traffic for the first own release',
  loadConfig,
  start,
};

async function start({ config, logger, registry, readiness, http }: ServiceContext<Config>): Promise<RunningService> {
  const metrics = createMetrics(registry);
  const redis = connectRedis({ url: config.redisUrl, logger, connectionName: 'auto-retrainer', purpose: 'call' });
  const store = openConfiguredModelStore(config.modelStore);
  const queue = openTrainingQueue(redis);
  queue.on('error', (error) => logger.warn({ err: error }, 'training queue can not be reached'));
  const loop = new PolicyLoop({
    observe: () => observeSituation({ store, queue, publicKeyFile: config.releasePublicKeyFile }),
    queue,
    limits: config,
    everyMs: config.policyEveryMs,
    metrics,
    logger,
    now: Date.now,
  });
  readiness.require('redis', () => checkRedis(redis));
  readiness.require('model store', () => store.ping());
  readiness.require('rules', () => loop.check());
  addPolicyRoutes(http, loop);
  return {
    run: () => loop.start(),
    async stop() {
      await loop.stop();
      await queue.close();
      redis.disconnect();
      store.close();
    },
  };
}
