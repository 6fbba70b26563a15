import { setTimeout as sleep } from 'node:timers/promises';
import type { ExplanationRecord } from '@liminal/shared/contracts/explanation';
import { decodeExplanation } from '@liminal/shared/contracts/explanation-codec';
import { encodeFeatureVectors, FEATURE_COUNT, type FeatureVector } from '@liminal/shared/contracts/feature-vector';
import { anomaliesKey, cursorKey, streamKey, userHistoryKey } from '@liminal/shared/contracts/keys';
import { partitionOf } from '@liminal/shared/contracts/partition';
import { anomalyId, decodePrediction } from '@liminal/shared/contracts/prediction-batch';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { startTestService } from '@liminal/shared/testing/start-service';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { service } from '../src/app.ts';
import { HISTORY_LENGTH } from '../src/history/user-history.ts';
import type { Explained } from '../src/routes/explain-schema.ts';
import { type Released, released, VECTORS, vectorOf } from './released.ts';

const PARTITIONS = 8;
let server: TestRedis;
let redis: Redis;
let store: Released;

beforeAll(async () => {
  store = await released();
  server = await startTestRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
  await store?.[Symbol.asyncDispose]();
});
afterEach(() => redis.flushall());

const startPredictor = (env: Record<string, string> = {}) =>
  startTestService(service, { REDIS_URL: server.url, ...store.env, ...env });

async function send(vectors: readonly FeatureVector[]): Promise<void> {
  const byPartition = Map.groupBy(vectors, ({ user }) => partitionOf(user, PARTITIONS));
  for (const [partition, some] of byPartition) {
    await redis.xadd(streamKey('features', partition), '*', 'b', encodeFeatureVectors(some));
  }
}

async function untilScored(count: number): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const keys = Array.from({ length: PARTITIONS }, (_, partition) => cursorKey('predictor', partition));
    const counts = await Promise.all(keys.map((key) => redis.hget(key, 'count')));
    if (counts.reduce((sum, one) => sum + Number(one ?? 0), 0) >= count) return;
    if (performance.now() > deadline) throw new Error(`${counts} of ${count} vectors were scored`);
    await sleep(10);
  }
}

async function storedAnomalies() {
  const entries = await redis.xrangeBuffer(anomaliesKey, '-', '+');
  return entries.map(([, fields]) => ({
    record: decodePrediction(fields[fields.findIndex((field) => field.toString() === 'b') + 1]!),
    explanation: decodeExplanation(fields[fields.findIndex((field) => field.toString() === 'x') + 1]!),
  }));
}

const days = (count: number, user = 'ada'): FeatureVector[] =>
  Array.from({ length: count }, (_, index) =>
    vectorOf([3 + (index % 3), 0.55, 0, 0, 5, 5_000, 0], { user, seq: index + 1 }),
  );

describe('an anomaly of the stream', () => {
  it('carries its explanation, and what was usual for the user before', async () => {
    await using predictor = await startPredictor();
    await send(days(12));
    await untilScored(12);
    await send([vectorOf(VECTORS.scraping, { seq: 13 })]);
    await untilScored(13);
    const [anomaly, ...others] = await storedAnomalies();
    expect(others).toEqual([]);
    const explanation = anomaly!.explanation as ExplanationRecord;
    expect(anomaly!.record.seq).toBe(13);
    expect(explanation.shap).toMatchObject({ algorithm: 'enumeration', quantity: 'minus_log10_p' });
    expect(explanation.shap.value).toBe(0 - Math.log10(anomaly!.record.pValue));
    const sum = Array.from(explanation.shap.shapValues).reduce(
      (total, share) => total + share,
      explanation.shap.baseValue,
    );
    expect(Math.abs(sum - explanation.shap.value)).toBeLessThan(1e-5 * explanation.shap.value);
    expect(explanation.userVectors).toBe(12);
    expect(explanation.expectations[0]!.user.median).toBe(4);
    expect(explanation.summaries.en).toContain('requests_per_user 140/min, usually 4 (p99 of all users: ');
    expect(explanation.summaries.ru).toContain('140/мин, обычно 4 (p99 всех пользователей: ');

    const served = (await (await fetch(`${predictor.url}/explain/ada`)).json()) as Explained;
    expect(served).toMatchObject({ user: 'ada', userVectors: 12, anomaly: true });
    expect(served.value).toBe(explanation.shap.value);
  });

  it('is explained the same when the vectors are scored again, whoever else is in the batch', async () => {
    const vectors = [...days(12), vectorOf(VECTORS.stolenToken, { seq: 13 }), vectorOf(VECTORS.spam, { seq: 14 })];
    const run = async (batches: FeatureVector[][]) => {
      await using _ = await startPredictor();
      let sent = 0;
      for (const batch of batches) {
        await send(batch);
        sent += batch.length;
        await untilScored(sent);
      }
      const anomalies = await storedAnomalies();
      await redis.flushall();
      return anomalies.map(({ record, explanation }) => [anomalyId(record), explanation]);
    };
    const first = await run([vectors.slice(0, 12), vectors.slice(12)]);
    expect(first).toHaveLength(2);
    expect(await run([vectors.slice(0, 12), [...vectors.slice(12), ...days(200, 'ben')]])).toEqual(first);
  });

  it('is written without one where too many come at once, and says so', async () => {
    const storm = Array.from({ length: 1_500 }, (_, index) =>
      vectorOf(VECTORS.scraping, { user: `bot-${index % 3}`, seq: index + 1 }),
    );
    await send(storm);
    await using _ = await startPredictor();
    await untilScored(1_500);
    const explanations = (await storedAnomalies()).map(({ explanation }) => explanation);
    expect(explanations).toHaveLength(1_500);
    expect(explanations.filter((one) => one === 'too-many-at-once').length).toBeGreaterThan(1_000);
    expect(explanations.filter((one) => typeof one !== 'string').length).toBeGreaterThanOrEqual(64);
  });

  it('has one where another user has many in the same batch', async () => {
    const storm = Array.from({ length: 200 }, (_, index) =>
      vectorOf(VECTORS.scraping, { user: 'bot', seq: index + 1 }),
    );
    const partition = partitionOf('bot', PARTITIONS);
    const user = Array.from({ length: 100 }, (_, index) => `user-${index}`).find(
      (name) => partitionOf(name, PARTITIONS) === partition,
    );
    await send([...storm, vectorOf(VECTORS.scraping, { user: user! })]);
    await using _ = await startPredictor();
    await untilScored(201);
    const anomalies = await storedAnomalies();
    expect(anomalies.filter(({ explanation }) => explanation === 'too-many-at-once').length).toBeGreaterThan(100);
    const other = anomalies.find(({ record }) => record.user === user)!;
    expect(typeof other.explanation).toBe('object');
  });

  it('is written without one where that is switched off', async () => {
    await using _ = await startPredictor({ EXPLAIN_ANOMALIES: 'false' });
    await send([vectorOf(VECTORS.scraping)]);
    await untilScored(1);
    expect((await storedAnomalies()).map(({ explanation }) => explanation)).toEqual(['switched-off']);
  });

  it('is explained by the next release once that serves', async () => {
    await using predictor = await startPredictor();
    await send([vectorOf(VECTORS.scraping)]);
    await untilScored(1);
    const next = await store.promoteAnother();
    const serving = async () => (await (await fetch(`${predictor.url}/explain/ada`)).json()) as Explained;
    while ((await serving()).release !== next) await sleep(50);
    await send([vectorOf(VECTORS.scraping, { seq: 2 })]);
    await untilScored(2);
    const anomalies = await storedAnomalies();
    expect(anomalies[1]!.record.release).toBe(next);
    expect((anomalies[1]!.explanation as ExplanationRecord).shap.gap).toBeLessThan(1e-5);
  });
});

describe('the history of a user', () => {
  it('holds every vector at first, then some of the later ones, never an anomaly, in 1 KB', async () => {
    await using _ = await startPredictor();
    await send([...days(10), vectorOf(VECTORS.scraping, { seq: 11 })]);
    await untilScored(11);
    const key = userHistoryKey(partitionOf('ada', PARTITIONS), 'ada');
    expect(await redis.llen(key)).toBe(10);
    await send(days(600).slice(11));
    await untilScored(600);
    const entries = await redis.lrangeBuffer(key, 0, -1);
    expect(entries).toHaveLength(HISTORY_LENGTH);
    expect(entries.every((entry) => entry.byteLength === 4 * FEATURE_COUNT)).toBe(true);
    expect(Number(await redis.memory('USAGE', key))).toBeLessThan(2_048);
    expect(await redis.ttl(key)).toBeGreaterThan(7 * 86_400);
  });
});
