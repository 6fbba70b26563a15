import { readVerdicts } from '@liminal/shared/adapters/verdict-stream';
import { VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import { anomaliesKey } from '@liminal/shared/contracts/keys';
import { anomalyId, encodePredictions, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import {
  encodeSeriesAnomaly,
  type SeriesAnomalyRecord,
  seriesAnomalyId,
} from '@liminal/shared/contracts/series-anomaly';
import type { JudgedAnomaly } from '@liminal/shared/contracts/verdict';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { startTestService, type TestService } from '@liminal/shared/testing/start-service';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { service } from '../src/app.ts';

let server: TestRedis;
let redis: Redis;
let backend: TestService;

beforeAll(async () => {
  server = await startTestRedis();
  redis = new Redis(server.url);
  backend = await startTestService(service, { REDIS_URL: server.url });
});
afterAll(async () => {
  await backend?.stop();
  redis?.disconnect();
  await server?.stop();
});
afterEach(() => redis.flushall());

async function call(path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const response = await fetch(backend.url + path, {
    ...(body !== undefined && {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    }),
  });
  return { status: response.status, body: await response.json() };
}

const record = (seq: number): PredictionRecord => ({
  user: 'ada',
  ts: 1_000,
  seq,
  values: new Float32Array(VECTOR_LENGTH).fill(1.5).fill(Number.NaN, 6, 7),
  forecast: null,
  checked: null,
  scores: { 'isolation-forest': { score: 0.7, pValue: 0.004 } },
  pValue: 0.004,
  severity: 'warning',
  release: 'r1',
  provisional: false,
  scoredAt: 5,
});
const id = anomalyId(record(3));

async function write(...records: PredictionRecord[]): Promise<void> {
  for (const entry of records) await redis.xadd(anomaliesKey, '*', 'b', encodePredictions([entry]));
}

async function stored() {
  const warnings: string[] = [];
  const log = { warn: (_: object, message: string) => void warnings.push(message) };
  const found: JudgedAnomaly[] = [];
  for await (const { judged } of readVerdicts(redis, log)) found.push(judged);
  return { found, warnings };
}

const path = `/ml/anomalies/${id}/verdict`;
const wrong = { verdict: 'false_positive', author: 'grace', note: 'nightly export' };

describe('verdicts', () => {
  test('nobody has judged a new anomaly', async () => {
    await write(record(3));
    expect(await call(path)).toEqual({ status: 200, body: { verdict: null, history: [] } });
  });

  test('the last one counts, and all are kept with the anomaly as it was', async () => {
    await write(...Array.from({ length: 1_200 }, (_, seq) => record(seq)));
    expect(await call(path, wrong)).toEqual({
      status: 201,
      body: {
        ...wrong,
        anomaly: id,
        at: expect.any(Number),
        effect: { suppression: expect.any(String), ended: [], because: expect.any(String) },
      },
    });
    // The stream of anomalies forgets what was judged.
    await redis.del(anomaliesKey);
    const right = { verdict: 'true_positive', author: 'alan' };
    expect(await call(path, right)).toMatchObject({ status: 201, body: { ...right, note: '' } });
    expect(await call(path)).toMatchObject({
      status: 200,
      body: { verdict: { ...right, anomaly: id }, history: [wrong, right] },
    });
    const { found } = await stored();
    expect(found.map(({ verdict }) => verdict.author)).toEqual(['grace', 'alan']);
    for (const { anomaly } of found) expect(anomaly.record).toEqual(record(3));
  });

  test('are taken on anomalies of series', async () => {
    const series: SeriesAnomalyRecord = {
      measure: 'requests',
      scope: 'platform',
      group: null,
      minute: 100,
      value: 9,
      expected: 3,
      expectedLow: 1,
      expectedHigh: 5,
      score: 4,
      severity: 'warning',
      recent: [],
      load: [],
      scoredAt: 5,
    };
    await redis.xadd(anomaliesKey, '*', 'entity', 'series', 'b', encodeSeriesAnomaly(series));
    const seriesId = seriesAnomalyId('requests', 100);
    expect(await call(`/ml/anomalies/${seriesId}/verdict`, wrong)).toMatchObject({ status: 201 });
    expect((await stored()).found).toMatchObject([{ anomaly: { entity: 'series', record: series } }]);
  });

  test('on an anomaly that is not there are refused', async () => {
    await write(record(4));
    for (const answer of [await call(path), await call(path, wrong)]) {
      expect(answer).toMatchObject({ status: 404, body: { error: { code: 'LIMINAL_ERR_ANOMALY_UNKNOWN' } } });
    }
    expect((await stored()).found).toEqual([]);
  });

  test.each([
    ['verdict', { ...wrong, verdict: 'maybe' }],
    ['author', { ...wrong, author: ' ' }],
    ['author', { verdict: 'unclear' }],
    ['note', { ...wrong, note: 'x'.repeat(2_001) }],
    ['expiresAt', { ...wrong, verdict: 'expected' }],
    ['expiresAt', { ...wrong, expiresAt: Date.now() + 1_000 }],
    ['expiresAt', { ...wrong, verdict: 'expected', expiresAt: 'next week' }],
  ])('with a bad %s are refused, and it is said why', async (field, body) => {
    await write(record(3));
    expect(await call(path, body)).toMatchObject({
      status: 400,
      body: { error: { code: 'LIMINAL_ERR_HTTP_INVALID', details: { path: expect.stringContaining(field) } } },
    });
    expect((await stored()).found).toEqual([]);
  });

  test('that can not be read hide no others', async () => {
    await write(record(3));
    await call(path, wrong);
    await redis.xadd('verdicts:{feedback}', '*', 'v', '{}', 'b', 'nothing');
    await call(path, wrong);
    const { found, warnings } = await stored();
    expect(found).toHaveLength(2);
    expect(warnings).toEqual(['verdict can not be read and is left out']);
  });
});
