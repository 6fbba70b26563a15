import { setTimeout as sleep } from 'node:timers/promises';
import { openConfiguredModelStore } from '@liminal/shared/adapters/model-store-settings';
import { PartitionGroup } from '@liminal/shared/adapters/partition-group';
import { checkRedis, connectRedis } from '@liminal/shared/adapters/redis';
import { StreamWorker } from '@liminal/shared/adapters/stream-worker';
import { openTrainingQueue } from '@liminal/shared/adapters/training-queue';
import { loadOrCreateSigningKey, readTrustedKeys } from '@liminal/shared/release/signing-key';
import type { RunningService, ServiceContext, ServiceDefinition } from '@liminal/shared/runtime/service';
import { ArchiveWriter } from './archive/archive-writer.ts';
import { type Config, loadConfig } from './config.ts';
import { readJudgedRows, readJudgedVectors } from './gate/judged-vectors.ts';
import { PredictionsSession } from './handlers/predictions.ts';
import { ReleaseMoves } from './handlers/release-moves.ts';
import { TrainingJobs } from './handlers/training-jobs.ts';
import { createMetrics } from './metrics.ts';
import { ReportStore } from './optimisation/report-store.ts';
import { ReleaseRegistry } from './registry/release-registry.ts';
import { addJobRoutes } from './routes/jobs.ts';
import { addModelRoutes } from './routes/models.ts';
import { addPipelineRoutes } from './routes/pipelines.ts';
import { addPredictRoutes } from './routes/predict.ts';
import { addReleaseRoutes } from './routes/releases.ts';
import { addReportRoutes } from './routes/reports.ts';
import { ReleaseScorer } from './serving/release-scorer.ts';
import { FactoryRelease } from './training/factory-release.ts';

const BATCH_ENTRIES = 16;
/** Nobody waits for the archive. */
const ROUND_MS = 100;
const STORE_RETRY_MS = 2_000;

export const service: ServiceDefinition<Config> = {
  name: 'kenning',
  description: 'Keeps the training data; trains, calibrates and exports models to ONNX; registry of releases',
  loadConfig,
  start,
};

async function start({ config, logger, registry: metricsRegistry, readiness, http }: ServiceContext<Config>) {
  const { redisUrl: url, partitions, instanceId, leaseMs } = config;
  const store = openConfiguredModelStore(config.modelStore);
  const { signingKeyFile: privateKeyFile, publicKeyFile } = config;
  const signingKey = await loadOrCreateSigningKey({ privateKeyFile, publicKeyFile }, (message) => logger.warn(message));
  const trustedKeys = await readTrustedKeys(publicKeyFile);
  const redis = connectRedis({ url, logger, connectionName: 'kenning', purpose: 'worker' });
  const reader = connectRedis({ url, logger, connectionName: 'kenning:reader', purpose: 'worker' });
  const jobs = connectRedis({ url, logger, connectionName: 'kenning:jobs', purpose: 'worker' });
  const moves = connectRedis({ url, logger, connectionName: 'kenning:moves', purpose: 'worker' });
  const api = connectRedis({ url, logger, connectionName: 'kenning:api', purpose: 'call' });
  const stopping = new AbortController();
  const sessions = new Map<number, PredictionsSession>();
  const releases = new ReleaseRegistry({ store, signingKey, trustedKeys, clock: Date.now, log: logger });
  const reports = new ReportStore(store, Date.now);
  const factory = new FactoryRelease({
    registry: releases,
    seed: config.factorySeed,
    signal: stopping.signal,
    logger,
  });
  const scorer = new ReleaseScorer(store, trustedKeys);
  const queue = openTrainingQueue(api);
  queue.on('error', (error) => logger.warn({ err: error }, 'training queue can not be reached'));
  let archive: ArchiveWriter | undefined;
  const metrics = createMetrics(metricsRegistry, {
    partitions: () => worker.partitions.length,
    archivedRows: () => archive?.summary.rows ?? 0,
  });
  const worker = new StreamWorker({
    stream: 'predictions',
    reader,
    group: new PartitionGroup({ redis, group: 'kenning', partitions, instanceId, leaseMs }),
    batchEntries: BATCH_ENTRIES,
    roundMs: ROUND_MS,
    logger,
    async open(lease) {
      const flushMs = config.archiveFlushMs;
      const session = await PredictionsSession.open(lease, { redis, archive: archive!, flushMs, metrics, logger });
      sessions.set(lease.partition, session);
      return session;
    },
  });
  const trainingJobs = new TrainingJobs({
    connection: jobs,
    config,
    registry: releases,
    reports,
    flushArchive: () => worker.runBetweenRounds(() => Promise.all([...sessions.values()].map((held) => held.flush()))),
    judgedVectors: () => readJudgedVectors(api, logger),
    judgedRows: () => readJudgedRows(api, logger),
    metrics,
    logger,
  });
  const releaseMoves = new ReleaseMoves({ connection: moves, registry: releases, logger });

  readiness.require('redis', () => checkRedis(api));
  readiness.require('model store', () => store.ping());
  readiness.require('predictions', () => worker.check());
  readiness.require('production release', () => factory.check());
  addPipelineRoutes(http, { queue, registry: releases });
  addJobRoutes(http, { queue, cancelRunning: (jobId) => trainingJobs.cancel(jobId) });
  addReportRoutes(http, reports);
  addModelRoutes(http, releases);
  addReleaseRoutes(http, releases, store);
  addPredictRoutes(http, { registry: releases, scorer, metrics });

  /** What needs the store, which may come up later than this service. */
  async function openArchive(): Promise<ArchiveWriter | undefined> {
    while (!stopping.signal.aborted) {
      try {
        await releases.recover();
        return await ArchiveWriter.open({ store, maxRows: config.archiveMaxRows, clock: Date.now, log: logger });
      } catch (error) {
        logger.warn({ err: error }, 'model store is away; trying again');
        await sleep(STORE_RETRY_MS);
      }
    }
    return undefined;
  }

  const running: RunningService = {
    async run() {
      archive = await openArchive();
      if (archive === undefined) return;
      worker.start();
      try {
        await factory.ensure();
      } catch (error) {
        if (stopping.signal.aborted) return;
        throw error;
      }
      trainingJobs.start();
      releaseMoves.start();
    },
    async stop() {
      stopping.abort(new Error('kenning is stopping'));
      await trainingJobs.stop();
      await releaseMoves.stop();
      await worker.stop();
      await queue.close();
      await scorer.close();
      for (const connection of [redis, reader, jobs, moves, api]) connection.disconnect();
      store.close();
    },
  };
  return running;
}
