import { NO_POLICY } from '@liminal/shared/contracts/alarm-policy';
import { encodeFeatureVectors, VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import { fenceKey, servingKey, shadowKey } from '@liminal/shared/contracts/keys';
import { MODEL_INPUT_LENGTH } from '@liminal/shared/contracts/model-input';
import type { LoadedRelease } from '@liminal/shared/release/load-release';
import { OpenRelease } from '@liminal/shared/release/open-release';
import { EventLoopShare } from '@liminal/shared/runtime/event-loop-share';
import { Mutex } from '@liminal/shared/runtime/mutex';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_RELEASE_TRAINING, trainReleaseModels } from '../../kenning/src/pipelines/train-release-models.ts';
import { DEFAULT_MODEL_OPTIONS } from '../../kenning/src/pipelines/trainable-models.ts';
import { inputsOf, loadedRelease, simulatedRows } from '../../kenning/test/trained-release.ts';
import { DecidedAlarms } from '../src/alarms/decided-alarms.ts';
import { loadConfig } from '../src/config.ts';
import { Explanations } from '../src/explanations/explanations.ts';
import { AnomalyExplanations } from '../src/handlers/anomaly-explanations.ts';
import { FeaturesSession } from '../src/handlers/features.ts';
import { ServingFailures } from '../src/handlers/serving-failures.ts';
import { createMetrics } from '../src/metrics.ts';
import { ShadowScorer } from '../src/shadow/shadow-scorer.ts';

const ALERT_RATE = 0.05;
const ROWS = 500;

describe('a shadow release', () => {
  let server: TestRedis;
  let redis: Redis;
  let production: OpenRelease;
  let shadow: OpenRelease;
  let loadedShadow: LoadedRelease;
  let vectors: Float32Array;

  beforeAll(async () => {
    server = await startTestRedis();
    redis = new Redis(server.url);
    const models = { 'isolation-forest': DEFAULT_MODEL_OPTIONS['isolation-forest']! };
    const trained = async (seed: number): Promise<LoadedRelease> => {
      const rows = simulatedRows({ seed, platformUsers: 60 });
      return loadedRelease(await trainReleaseModels(rows, { ...DEFAULT_RELEASE_TRAINING, models }, { seed }));
    };
    production = await OpenRelease.open(await trained(1));
    loadedShadow = await trained(2);
    shadow = await OpenRelease.open(loadedShadow);
    vectors = inputsOf(simulatedRows({ seed: 3, platformUsers: 60 })).slice(0, ROWS * MODEL_INPUT_LENGTH);
  }, 60_000);
  afterAll(async () => {
    await production.close();
    await shadow.close();
    redis.disconnect();
    await server.stop();
  });
  beforeEach(() => redis.flushall());

  const scorerWith = (release: OpenRelease | undefined): ShadowScorer =>
    new ShadowScorer({
      redis,
      shadow: () => release,
      anomalyAlertRate: ALERT_RATE,
      metrics: createMetrics(new Registry(), { partitions: () => 1 }),
      logger: pino({ level: 'silent' }),
    });
  const counted = () => redis.hgetall(shadowKey(2));

  it('is counted beside production, which it does not touch', async () => {
    const scored = await production.score(vectors, ROWS);
    const before = structuredClone(scored);
    const scorer = scorerWith(shadow);
    await scorer.compare(2, vectors, { release: production.id, scored, elapsedMs: 4 });
    await scorer.flush(2);
    expect(scored).toEqual(before);
    const alone = await shadow.score(vectors, ROWS);
    const isAlarm = ({ pValue }: { pValue: number }): boolean => pValue <= ALERT_RATE;
    const disagreements = alone.filter((own, row) => isAlarm(own) !== isAlarm(scored[row]!)).length;
    expect(disagreements).toBeGreaterThan(0);
    expect(await counted()).toMatchObject({
      release: shadow.id,
      production: production.id,
      vectors: String(ROWS),
      alarms: String(alone.filter(isAlarm).length),
      productionAlarms: String(scored.filter(isAlarm).length),
      disagreements: String(disagreements),
      productionMicroseconds: '4000',
      failures: '0',
    });
  });

  it('adds up over batches, and begins anew beside another release', async () => {
    const scored = (await production.score(vectors, ROWS)).slice(0, 10);
    const scorer = scorerWith(shadow);
    const few = vectors.subarray(0, 10 * MODEL_INPUT_LENGTH);
    for (const times of [1, 2]) {
      await scorer.compare(2, few, { release: production.id, scored, elapsedMs: 1 });
      if (times === 2) await scorer.compare(2, few, { release: production.id, scored, elapsedMs: 1 });
      await scorer.flush(2);
    }
    expect(await counted()).toMatchObject({ vectors: '30' });
    await scorer.compare(2, few, { release: 'r-20260101T000000-00000000', scored, elapsedMs: 1 });
    await scorer.flush(2);
    expect(await counted()).toMatchObject({ vectors: '10', production: 'r-20260101T000000-00000000' });
  });

  it('that fails is counted, and fails alone', async () => {
    const scored = await production.score(vectors, ROWS);
    const broken = await OpenRelease.open(loadedShadow);
    await broken.close();
    const scorer = scorerWith(broken);
    await scorer.compare(2, vectors, { release: production.id, scored, elapsedMs: 1 });
    await scorer.flush(2);
    expect(await counted()).toMatchObject({ vectors: String(ROWS), failures: String(ROWS), disagreements: '0' });
  });

  it('counts nothing of vectors that could not be committed; that they were not scored is counted', async () => {
    const broken = await OpenRelease.open(loadedShadow);
    await broken.close();
    await redis.set(fenceKey('predictor', 2), '1');
    const logger = pino({ level: 'silent' });
    const metrics = createMetrics(new Registry(), { partitions: () => 1 });
    const failures = new ServingFailures({ redis, logger });
    const scorer = scorerWith(shadow);
    let serving = broken;
    const config = loadConfig({ LOG_LEVEL: 'silent' });
    const explanations = new AnomalyExplanations({
      redis,
      explanations: new Explanations({ logger }),
      isOn: false,
      failures,
      metrics,
      logger,
    });
    const session = await FeaturesSession.open(
      { partition: 2, fence: 1 },
      {
        redis,
        config,
        metrics,
        logger,
        release: () => serving,
        share: new EventLoopShare(),
        scoring: new Mutex(),
        shadow: scorer,
        failures,
        explanations,
        alarms: () => new DecidedAlarms(NO_POLICY),
        now: Date.now,
      },
    );
    const values = new Float32Array(VECTOR_LENGTH).fill(1);
    const fields = new Map([['b', encodeFeatureVectors([{ user: 'ada', ts: 1_000, seq: 1, values }])]]);
    await expect(session.process([{ id: '1-0', fields }])).rejects.toThrow();
    expect(await redis.hgetall(servingKey(2, broken.id))).toEqual({ failedRuns: '1' });
    serving = production;
    // Another instance has the partition meanwhile: scored, but not committed.
    await redis.set(fenceKey('predictor', 2), '2');
    await expect(session.process([{ id: '1-0', fields }])).rejects.toThrow();
    await scorer.flush(2);
    expect(await counted()).toEqual({});
    await redis.set(fenceKey('predictor', 2), '1');
    await session.process([{ id: '1-0', fields }]);
    expect(await counted()).toMatchObject({ vectors: '1' });
  });

  it('is none where it is what serves, or where there is none', async () => {
    const scored = await production.score(vectors, ROWS);
    for (const release of [production, undefined]) {
      const scorer = scorerWith(release);
      await scorer.compare(2, vectors, { release: production.id, scored, elapsedMs: 1 });
      await scorer.flush(2);
    }
    expect(await counted()).toEqual({});
  });
});
