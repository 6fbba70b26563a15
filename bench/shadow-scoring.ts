import { DEFAULT_RELEASE_TRAINING, trainReleaseModels } from '@liminal/kenning/pipelines/train-release-models';
import { DecidedAlarms } from '@liminal/predictor/alarms/decided-alarms';
import { loadConfig } from '@liminal/predictor/config';
import { Explanations } from '@liminal/predictor/explanations/explanations';
import { AnomalyExplanations } from '@liminal/predictor/handlers/anomaly-explanations';
import { FeaturesSession } from '@liminal/predictor/handlers/features';
import { ServingFailures } from '@liminal/predictor/handlers/serving-failures';
import { createMetrics } from '@liminal/predictor/metrics';
import { ShadowScorer } from '@liminal/predictor/shadow/shadow-scorer';
import { NO_POLICY } from '@liminal/shared/contracts/alarm-policy';
import { encodeFeatureVectors, PREDICTED_USER_LOAD, VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import { fenceKey } from '@liminal/shared/contracts/keys';
import { OpenRelease } from '@liminal/shared/release/open-release';
import { EventLoopShare } from '@liminal/shared/runtime/event-loop-share';
import { Mutex } from '@liminal/shared/runtime/mutex';
import { Random } from '@liminal/shared/runtime/random';
import { startTestRedis } from '@liminal/shared/testing/redis';
import { Redis } from 'ioredis';
import { Registry } from 'prom-client';
import { loadedRelease, simulatedRows } from '../services/kenning/test/trained-release.ts';

export const name = 'CPU of the predictor with a shadow release, as a multiple of that without';

const BATCHES = 60;
const BATCH_VECTORS = 400;
const ROUNDS = 5;
const LIMIT = 1.6;
/** What goes wrong is to be seen. */
const logger = { warn: console.warn, error: console.error } as never;

/**
 * The predictor's own handler on a real Redis: read batches are scored and committed, in turns with and without a
 * shadow.
 */
export async function run(): Promise<void> {
  const server = await startTestRedis();
  const redis = new Redis(server.url);
  const rows = simulatedRows({ seed: 1, platformUsers: 100 });
  const releases: OpenRelease[] = [];
  for (const seed of [1, 2]) {
    const trained = await trainReleaseModels(rows, DEFAULT_RELEASE_TRAINING, { seed });
    const loaded = await loadedRelease(trained);
    releases.push(await OpenRelease.open(loaded));
  }
  try {
    const random = new Random(1);
    const batches = Array.from({ length: BATCHES }, (_, batch) => batchOf(random, rows.values, rows.columns, batch));
    const costs: Record<'without' | 'with', number[]> = { without: [], with: [] };
    for (let round = 0; round < ROUNDS; round++) {
      costs.without.push(await cpuMs(redis, batches, releases[0]!, undefined));
      costs.with.push(await cpuMs(redis, batches, releases[0]!, releases[1]!));
    }
    const [without, withShadow] = [median(costs.without), median(costs.with)];
    const perVector = (ms: number): string => `${((1000 * ms) / (BATCHES * BATCH_VECTORS)).toFixed(1)} µs`;
    console.log(
      `${perVector(without)} a vector, ${perVector(withShadow)} with a shadow: ${(withShadow / without).toFixed(2)} times ` +
        `as much, limit ${LIMIT}`,
    );
  } finally {
    for (const release of releases) await release.close();
    redis.disconnect();
    await server.stop();
  }
}

async function cpuMs(
  redis: Redis,
  batches: readonly Buffer[],
  production: OpenRelease,
  shadow: OpenRelease | undefined,
): Promise<number> {
  await redis.flushall();
  await redis.set(fenceKey('predictor', 0), '1');
  const config = loadConfig({ LOG_LEVEL: 'silent' });
  const metrics = createMetrics(new Registry(), { partitions: () => 1 });
  const { anomalyAlertRate } = config;
  const alarms = new DecidedAlarms(NO_POLICY);
  const failures = new ServingFailures({ redis, logger });
  const explanations = new AnomalyExplanations({
    redis,
    explanations: new Explanations({ logger }),
    isOn: false,
    failures,
    metrics,
    logger,
  });
  const session = await FeaturesSession.open(
    { partition: 0, fence: 1 },
    {
      redis,
      config,
      metrics,
      logger,
      release: () => production,
      share: new EventLoopShare(),
      scoring: new Mutex(),
      shadow: new ShadowScorer({ redis, shadow: () => shadow, anomalyAlertRate, metrics, logger }),
      failures,
      explanations,
      alarms: () => alarms,
      now: Date.now,
    },
  );
  const before = process.cpuUsage();
  for (const [index, bytes] of batches.entries()) {
    await session.process([{ id: `${index + 1}-0`, fields: new Map([['b', bytes]]) }]);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function batchOf(random: Random, rows: Float32Array, columns: number, batch: number): Buffer {
  return encodeFeatureVectors(
    Array.from({ length: BATCH_VECTORS }, (_, index) => {
      const row = random.int(rows.length / columns);
      const values = rows.slice(row * columns, row * columns + VECTOR_LENGTH);
      values[PREDICTED_USER_LOAD] = Number.NaN;
      return { user: `u${index}`, ts: batch * 10_000, seq: batch + 1, values };
    }),
  );
}

const median = (times: readonly number[]): number => times.toSorted((left, right) => left - right)[times.length >> 1]!;
