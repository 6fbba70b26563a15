import { setTimeout as sleep } from 'node:timers/promises';
import { type AlarmPolicy, NO_POLICY } from '@liminal/shared/contracts/alarm-policy';
import { encodeFeatureVectors, type FeatureVector } from '@liminal/shared/contracts/feature-vector';
import {
  alarmPolicyKey,
  anomaliesKey,
  cursorKey,
  predictionKey,
  streamKey,
  suppressedKey,
  suppressionHitsKey,
  userHistoryKey,
} from '@liminal/shared/contracts/keys';
import { partitionOf } from '@liminal/shared/contracts/partition';
import { decodePrediction, decodePredictions } from '@liminal/shared/contracts/prediction-batch';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { startTestService, type TestService } from '@liminal/shared/testing/start-service';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { service } from '../src/app.ts';
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

const startPredictor = () =>
  startTestService(service, {
    REDIS_URL: server.url,
    ...store.env,
    EXPLAIN_ANOMALIES: 'false',
    ALARM_POLICY_POLL_MS: '100',
  });

const EXPORT = 'export-job-1';
const rules: AlarmPolicy['rules'] = [
  {
    id: EXPORT,
    user: 'ada',
    features: { requests_per_user: { min: 100, max: 200, missing: false } },
    timeOfDay: { from: '09:00', to: '11:00' },
    fromTs: null,
    untilTs: Date.UTC(2027, 0, 1),
  },
];
const decide = (policy: Partial<AlarmPolicy>, revision: number) =>
  redis.hset(alarmPolicyKey, { revision, policy: JSON.stringify({ ...NO_POLICY, ...policy, revision }) });

async function send(vectors: readonly FeatureVector[]): Promise<void> {
  const before = await scored();
  const byPartition = Map.groupBy(vectors, ({ user }) => partitionOf(user, PARTITIONS));
  for (const [partition, some] of byPartition) {
    await redis.xadd(streamKey('features', partition), '*', 'b', encodeFeatureVectors(some));
  }
  await vi.waitFor(async () => expect(await scored()).toBe(before + vectors.length), 20_000);
}

async function scored(): Promise<number> {
  const keys = Array.from({ length: PARTITIONS }, (_, partition) => cursorKey('predictor', partition));
  const counts = await Promise.all(keys.map((key) => redis.hget(key, 'count')));
  return counts.reduce((sum, one) => sum + Number(one ?? 0), 0);
}

const recordsOf = async (key: string) =>
  (await redis.xrangeBuffer(key, '-', '+')).flatMap(([, fields]) => decodePredictions(fields[1]!));
const stateOf = async ({ url }: TestService) =>
  (await (await fetch(`${url}/alarm-policy`)).json()) as { revision: number; rules: number; problem: string | null };
const untilRevision = (predictor: TestService, revision: number) =>
  vi.waitFor(async () => expect((await stateOf(predictor)).revision).toBe(revision), 5_000);

describe('what an analyst has decided', () => {
  it('holds back what a rule is about, which keeps its p-value, is counted and can be listed', async () => {
    await decide({ rules }, 1);
    await using predictor = await startPredictor();
    const ts = Date.UTC(2026, 10, 23, 10);
    await send([vectorOf(VECTORS.scraping, { seq: 1, ts }), vectorOf(VECTORS.scraping, { seq: 2, ts: ts + 10_000 })]);
    await send([
      vectorOf(VECTORS.scraping, { seq: 3, ts: Date.UTC(2026, 10, 23, 11) }),
      vectorOf(VECTORS.spam, { seq: 4, ts }),
      vectorOf(VECTORS.scraping, { user: 'ben', ts }),
      vectorOf(VECTORS.usual, { seq: 5, ts }),
    ]);
    const alarms = await recordsOf(anomaliesKey);
    expect(alarms.map(({ user, seq }) => `${user} ${seq}`).sort()).toEqual(['ada 3', 'ada 4', 'ben 1']);
    const held = await recordsOf(suppressedKey);
    expect(held.map(({ seq }) => seq)).toEqual([1, 2]);
    for (const { severity, pValue, suppressed } of held) {
      expect(severity).toBe('none');
      // What drift is measured on does not change.
      expect(pValue).toBe(alarms.find(({ user }) => user === 'ben')!.pValue);
      expect(suppressed).toEqual({ severity: expect.stringMatching(/warning|critical/), reason: 'rule', rule: EXPORT });
    }
    const partition = partitionOf('ada', PARTITIONS);
    const all = await recordsOf(streamKey('predictions', partition));
    expect(all.filter(({ suppressed }) => suppressed?.rule === EXPORT).map(({ seq }) => seq)).toEqual([1, 2]);
    expect(await redis.hgetall(suppressionHitsKey)).toEqual({
      [`${EXPORT}:count`]: '2',
      [`${EXPORT}:last`]: String(ts + 10_000),
    });
    // What is unusual does not become usual by being held back.
    expect(await redis.llen(userHistoryKey(partition, 'ada'))).toBe(1);
    const metrics = await (await fetch(`${predictor.url}/metrics`)).text();
    expect(metrics).toContain('liminal_predictor_suppressed_total{reason="rule"} 2');
    expect(metrics).toContain('liminal_predictor_suppression_rules 1');
  });

  it('shows on the newest prediction of a user', async () => {
    await decide({ rules }, 1);
    await using predictor = await startPredictor();
    await send([vectorOf(VECTORS.scraping, { ts: Date.UTC(2026, 10, 23, 10) })]);
    expect(await (await fetch(`${predictor.url}/predict/ada`)).json()).toMatchObject({
      severity: 'none',
      anomaly: false,
      suppressed: { reason: 'rule', rule: EXPORT },
    });
  });

  it('leaves the alarms of others listed, also beside those of series', async () => {
    await decide({ rules }, 1);
    await using predictor = await startPredictor();
    const ts = Date.UTC(2026, 10, 23, 10);
    await send([vectorOf(VECTORS.scraping, { ts }), vectorOf(VECTORS.scraping, { user: 'ben', ts })]);
    await redis.xadd(anomaliesKey, '*', 'entity', 'series', 'b', 'of another kind');
    const response = await fetch(`${predictor.url}/predict?minSeverity=warning`);
    const { predictions } = (await response.json()) as { predictions: { user: string }[] };
    expect(predictions.map(({ user }) => user)).toEqual(['ben']);
  });

  it('holds within moments, and no longer once it is taken back', async () => {
    await using predictor = await startPredictor();
    const one = async (seq: number) => {
      await send([vectorOf(VECTORS.scraping, { seq })]);
      const bytes = await redis.getBuffer(predictionKey(partitionOf('ada', PARTITIONS), 'ada'));
      return decodePrediction(bytes!).suppressed?.rule;
    };
    expect(await one(1)).toBeUndefined();
    await decide({ rules }, 1);
    await untilRevision(predictor, 1);
    expect(await one(2)).toBe(EXPORT);
    await decide({}, 2);
    await untilRevision(predictor, 2);
    expect(await one(3)).toBeUndefined();
  });

  it('stays in force while what comes after can not be read, which is told', async () => {
    await decide({ rules }, 1);
    await using predictor = await startPredictor();
    await untilRevision(predictor, 1);
    await redis.hset(alarmPolicyKey, { revision: 2, policy: '{"version": 2}' });
    await vi.waitFor(async () => expect((await stateOf(predictor)).problem).toContain('not of version 1'), 5_000);
    expect(await stateOf(predictor)).toMatchObject({ revision: 1, rules: 1 });
    await send([vectorOf(VECTORS.scraping)]);
    expect(await recordsOf(anomaliesKey)).toEqual([]);
    expect(await (await fetch(`${predictor.url}/metrics`)).text()).toContain(
      'liminal_predictor_alarm_policy_reads_total{result="unreadable"} 1',
    );
    await decide({}, 3);
    await untilRevision(predictor, 3);
    expect((await stateOf(predictor)).problem).toBeNull();
  });

  it('holds for the first vector after a restart', async () => {
    await decide({ rules }, 7);
    const vectors = Array.from({ length: 50 }, (_, index) => vectorOf(VECTORS.scraping, { seq: index + 1 }));
    const partition = partitionOf('ada', PARTITIONS);
    await redis.xadd(streamKey('features', partition), '*', 'b', encodeFeatureVectors(vectors));
    await using _ = await startPredictor();
    await vi.waitFor(async () => expect(await scored()).toBe(50), 20_000);
    await sleep(200);
    expect(await recordsOf(anomaliesKey)).toEqual([]);
    expect(await redis.hget(suppressionHitsKey, `${EXPORT}:count`)).toBe('50');
  });
});
