import { PartitionGroup } from '@liminal/shared/adapters/partition-group';
import { checkRedis, connectRedis } from '@liminal/shared/adapters/redis';
import { StreamWorker } from '@liminal/shared/adapters/stream-worker';
import { EventLoopShare } from '@liminal/shared/runtime/event-loop-share';
import type { RunningService, ServiceContext, ServiceDefinition } from '@liminal/shared/runtime/service';
import { type Config, loadConfig } from './config.ts';
import { EventsSession } from './handlers/events.ts';
import { PlatformClock } from './handlers/platform-clock.ts';
import { createMetrics } from './metrics.ts';
import { addFeaturesRoutes } from './routes/features.ts';

/** Stream entries of a partition per read: with calls of 500 events over 8 partitions about 1,250 events. */
const BATCH_ENTRIES = 20;
/** Also what an event waits at most before it is read. */
const ROUND_MS = 8;

export const service: ServiceDefinition<Config> = {
  name: 'feature-extractor',
  description: 'Folds events into per-user windows and emits feature vectors',
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
  const redis = connectRedis({ url, logger, connectionName: 'feature-extractor', purpose: 'worker' });
  const reader = connectRedis({ url, logger, connectionName: 'feature-extractor:reader', purpose: 'worker' });
  const api = connectRedis({ url, logger, connectionName: 'feature-extractor:api', purpose: 'call' });
  const sessions = new Map<number, EventsSession>();
  const share = new EventLoopShare();
  const clock = new PlatformClock({ redis, partitions, now: Date.now });
  const metrics = createMetrics(registry, {
    partitions: () => worker.partitions.length,
    cachedUsers: () =>
      worker.partitions.reduce((users, partition) => users + (sessions.get(partition)?.cachedUsers ?? 0), 0),
  });
  const worker = new StreamWorker({
    stream: 'events',
    reader,
    group: new PartitionGroup({ redis, group: 'feature-extractor', partitions, instanceId, leaseMs }),
    batchEntries: BATCH_ENTRIES,
    roundMs: ROUND_MS,
    logger,
    async open(lease) {
      const session = await EventsSession.open(lease, {
        redis,
        config,
        metrics,
        logger,
        share,
        clock,
        tracer,
        now: Date.now,
      });
      sessions.set(lease.partition, session);
      return session;
    },
  });
  readiness.require('redis', () => checkRedis(api));
  readiness.require('events', () => worker.check());
  addFeaturesRoutes(http, api, partitions);
  return {
    run: () => worker.start(),
    async stop() {
      await worker.stop();
      for (const connection of [redis, reader, api]) connection.disconnect();
    },
  };
}
