import { encodeFeatureVector, type FeatureVector, VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import {
  acceptedKey,
  anomaliesKey,
  cursorKey,
  driftReportKey,
  featuresKey,
  predictionKey,
  seriesPointsKey,
  streamKey,
  watchKey,
} from '@liminal/shared/contracts/keys';
import { partitionOf } from '@liminal/shared/contracts/partition';
import { anomalyId, encodePredictions, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import { encodeSeriesList, type ScoredPoint } from '@liminal/shared/contracts/series';
import {
  encodeSeriesAnomaly,
  type SeriesAnomalyRecord,
  seriesAnomalyId,
} from '@liminal/shared/contracts/series-anomaly';
import { encodePoint, pointOffset } from '@liminal/shared/contracts/series-points';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { startTestService, type TestService } from '@liminal/shared/testing/start-service';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { service } from '../src/app.ts';

const TTL_SECONDS = 60;
let server: TestRedis;
let redis: Redis;
let backend: TestService;

beforeAll(async () => {
  server = await startTestRedis();
  redis = new Redis(server.url);
  backend = await startTestService(service, { REDIS_URL: server.url, PREDICTION_TTL_SECONDS: String(TTL_SECONDS) });
});
afterAll(async () => {
  await backend?.stop();
  redis?.disconnect();
  await server?.stop();
});
afterEach(() => redis.flushall());

async function get<T>(path: string): Promise<{ status: number; body: T }> {
  const response = await fetch(backend.url + path);
  return { status: response.status, body: (await response.json()) as T };
}

const values = (): Float32Array => new Float32Array(VECTOR_LENGTH).fill(1.5, 0, 6).fill(Number.NaN, 6, 7);
const vector = (user: string): FeatureVector => ({ user, ts: 1_000, seq: 3, values: values() });
const record = (fields: Partial<PredictionRecord> = {}): PredictionRecord => ({
  ...vector('ada'),
  forecast: { forecaster: 'lstm', load: 7.5, lower: 2, upper: 19 },
  checked: { forecaster: 'ewma', load: 4, lower: Number.NaN, upper: Number.NaN, minuteTs: 0, actual: 5 },
  scores: { 'isolation-forest': { score: 0.7, pValue: 0.004 } },
  pValue: 0.004,
  severity: 'warning',
  release: 'r1',
  provisional: false,
  scoredAt: Date.now(),
  ...fields,
});

describe('GET /ml/users/:user', () => {
  const at = (user: string) => partitionOf(user, 8);

  test('tells the newest features and prediction', async () => {
    const user = 'ip:2001:db8::1/é';
    await redis.set(featuresKey(at(user), user), encodeFeatureVector(vector(user)));
    await redis.set(predictionKey(at(user), user), encodePredictions([record({ user })]));
    expect(await get(`/ml/users/${encodeURIComponent(user)}`)).toMatchObject({
      status: 200,
      body: {
        user,
        features: { ts: 1_000, seq: 3, values: { requests_per_user: 1.5, jwt_usage_patterns: null } },
        prediction: {
          user,
          severity: 'warning',
          anomaly: true,
          pValue: 0.004,
          stale: false,
          load: {
            forecast: { minute: 0, forecaster: 'lstm', load: 7.5, interval: [2, 19] },
            checked: { minute: 0, forecaster: 'ewma', load: 4, interval: null, actual: 5 },
          },
        },
      },
    });
  });

  test('a prediction past its time to live says so', async () => {
    const old = record({ scoredAt: Date.now() - (TTL_SECONDS + 1) * 1000 });
    await redis.set(predictionKey(at('ada'), 'ada'), encodePredictions([old]));
    expect(await get('/ml/users/ada')).toMatchObject({ body: { features: null, prediction: { stale: true } } });
  });

  test('a user of whom nothing is known is not there', async () => {
    expect(await get('/ml/users/nobody')).toMatchObject({
      status: 404,
      body: { error: { code: 'LIMINAL_ERR_USER_UNKNOWN', details: { user: 'nobody' } } },
    });
  });
});

describe('GET /ml/drift', () => {
  test('says that there is none before the auto-retrainer has looked', async () => {
    const body = { drift: null, missing: 'no report yet: the auto-retrainer has not looked', at: null, stale: false };
    expect(await get('/ml/drift')).toEqual({ status: 200, body });
  });

  test.each([
    [1_000, false],
    [120_000, true],
  ])('says whether a report of %i ms ago is stale', async (ageMs, stale) => {
    const at = Date.now() - ageMs;
    await redis.set(driftReportKey, JSON.stringify({ at, freshForMs: 60_000, drift: null }));
    const missing = 'no release served when the auto-retrainer looked';
    expect((await get('/ml/drift')).body).toEqual({ drift: null, missing, at, stale });
  });
});

describe('GET /ml/anomalies', () => {
  interface Page {
    anomalies: { entity: string; id: string; seq?: number; user: string; stale: boolean }[];
    next: string | null;
  }

  async function write(records: PredictionRecord[]): Promise<void> {
    for (const entry of records) await redis.xadd(anomaliesKey, '*', 'b', encodePredictions([entry]));
  }

  async function allPages(query: string): Promise<Page[]> {
    const pages: Page[] = [];
    let cursor = '';
    do {
      const { status, body } = await get<Page>(`/ml/anomalies?${query}${cursor}`);
      expect(status).toBe(200);
      pages.push(body);
      cursor = `&cursor=${body.next}`;
    } while (pages.at(-1)!.next !== null && pages.length < 50);
    return pages;
  }

  test('gives all of them newest first, page by page, also while new ones come in', async () => {
    await write(Array.from({ length: 7 }, (_, seq) => record({ seq })));
    const { body: first } = await get<Page>('/ml/anomalies?limit=3');
    expect(first.anomalies.map(({ seq }) => seq)).toEqual([6, 5, 4]);
    expect(first.anomalies[0]!.id).toBe(anomalyId(record({ seq: 6 })));
    await write([record({ seq: 7 })]);
    const { body: second } = await get<Page>(`/ml/anomalies?limit=3&cursor=${first.next}`);
    expect(second.anomalies.map(({ seq }) => seq)).toEqual([3, 2, 1]);
    const { body: third } = await get<Page>(`/ml/anomalies?limit=3&cursor=${second.next}`);
    expect(third).toMatchObject({ anomalies: [{ seq: 0 }], next: null });
  });

  test('filters by severity and user', async () => {
    await write(
      Array.from({ length: 1_300 }, (_, seq) =>
        record({ seq, user: seq % 2 ? 'ada' : 'ben', severity: seq % 100 === 1 ? 'critical' : 'warning' }),
      ),
    );
    const critical = (await allPages('minSeverity=critical&user=ada&limit=5')).flatMap(({ anomalies }) => anomalies);
    expect(critical.map(({ seq }) => seq)).toEqual(Array.from({ length: 13 }, (_, index) => 1_201 - index * 100));
    const ben = (await allPages('user=ben&limit=200')).flatMap(({ anomalies }) => anomalies);
    expect(ben).toHaveLength(650);
    expect((await get<Page>('/ml/anomalies?minSeverity=critical&user=ben')).body).toEqual({
      anomalies: [],
      next: null,
    });
  });

  test('tells those of users from those of series', async () => {
    const series: SeriesAnomalyRecord = {
      measure: 'requests',
      scope: 'route',
      group: '/api/me',
      minute: 29_460_240,
      value: 3,
      expected: 40,
      expectedLow: 35,
      expectedHigh: Number.NaN,
      score: 9,
      severity: 'critical',
      recent: [{ minute: 29_460_240, value: 3, expectedLow: Number.NaN, expectedHigh: Number.NaN }],
      load: [{ minute: 29_460_240, value: 100 }],
      scoredAt: Date.now(),
    };
    await write([record({ seq: 1 })]);
    await redis.xadd(anomaliesKey, '*', 'entity', 'series', 'b', encodeSeriesAnomaly(series));
    await redis.xadd(anomaliesKey, '*', 'entity', 'planet', 'b', encodePredictions([record()]));
    await write([record({ seq: 2 })]);
    const entities = async (query: string) =>
      (await allPages(query)).flatMap(({ anomalies }) => anomalies.map(({ entity, seq }) => seq ?? entity));
    expect(await entities('limit=2')).toEqual([2, 'series', 1]);
    expect(await entities('entity=user')).toEqual([2, 1]);
    expect(await entities('user=ada')).toEqual([2, 1]);
    expect(await entities('user=ada&entity=series')).toEqual([]);
    expect(await entities('series=requests')).toEqual([]);
    expect(await entities(`series=${encodeURIComponent('requests@route:/api/me')}`)).toEqual(['series']);
    const ts = 29_460_240 * 60_000;
    expect((await get<Page>('/ml/anomalies?entity=series')).body.anomalies).toEqual([
      {
        entity: 'series',
        id: seriesAnomalyId('requests@route:/api/me', series.minute),
        series: 'requests@route:/api/me',
        measure: 'requests',
        scope: 'route',
        group: '/api/me',
        ts,
        value: 3,
        expected: 40,
        expectedLow: 35,
        expectedHigh: null,
        score: 9,
        severity: 'critical',
        recent: [{ ts, value: 3, expectedLow: null, expectedHigh: null }],
        load: [{ ts, value: 100 }],
        scoredAt: series.scoredAt,
        stale: false,
        verdict: null,
      },
    ]);
  });

  test('marks the old ones, and an entry that can not be read hides no other', async () => {
    await write([record({ seq: 1, scoredAt: Date.now() - (TTL_SECONDS + 1) * 1000 })]);
    await redis.xadd(anomaliesKey, '*', 'b', 'rubbish');
    await redis.xadd(anomaliesKey, '*', 'other', 'field');
    await write([record({ seq: 2 })]);
    expect((await get<Page>('/ml/anomalies')).body.anomalies).toMatchObject([
      { seq: 2, stale: false },
      { seq: 1, stale: true },
    ]);
  });

  test.each(['limit=0', 'limit=501', 'entity=planet', 'minSeverity=bad', 'cursor=yesterday', 'cursor=(1-1'])(
    'refuses %s',
    async (query) => {
      expect(await get(`/ml/anomalies?${query}`)).toMatchObject({
        status: 400,
        body: { error: { code: 'LIMINAL_ERR_HTTP_INVALID' } },
      });
    },
  );
});

describe('GET /ml/series', () => {
  const FIRST = 29_460_240;
  const MINUTE_MS = 60_000;
  const identity = { measure: 'requests', scope: 'route', group: '/api/me' } as const;
  const name = encodeURIComponent('requests@route:/api/me');
  const point = (minute: number, fields: Partial<ScoredPoint> = {}): ScoredPoint => {
    const unknown = { expected: Number.NaN, expectedLow: Number.NaN, expectedHigh: Number.NaN, score: Number.NaN };
    return { minute, value: 7, ...unknown, status: 'warming-up', severity: 'none', alarm: false, ...fields };
  };
  const judged = { value: 90, expected: 40, expectedLow: 35, expectedHigh: 50, score: 9 };
  const newest = point(FIRST + 2_000, { ...judged, status: 'judged', severity: 'critical', alarm: true });

  async function store(scoredAt: number): Promise<void> {
    const list = encodeSeriesList({ scoredAt, series: [{ ...identity, since: FIRST, newest }] });
    await redis.hset(watchKey, 'series', list);
    const points = [point(newest.minute - 1_440), point(newest.minute - 1_000), point(newest.minute - 1), newest];
    for (const of of points) {
      await redis.setrange(seriesPointsKey('requests@route:/api/me'), pointOffset(of.minute), encodePoint(of));
    }
  }

  test('is empty before the first minute is scored', async () => {
    expect(await get('/ml/series')).toEqual({ status: 200, body: { series: [] } });
    expect(await get('/ml/series/requests')).toMatchObject({
      status: 404,
      body: { error: { code: 'LIMINAL_ERR_SERIES_UNKNOWN' } },
    });
  });

  test('lists them with their newest minute', async () => {
    await store(Date.now());
    expect(await get('/ml/series')).toEqual({
      status: 200,
      body: {
        series: [
          {
            ...identity,
            series: 'requests@route:/api/me',
            since: FIRST * MINUTE_MS,
            stale: false,
            newest: { ts: newest.minute * MINUTE_MS, ...judged, status: 'judged', severity: 'critical', alarm: true },
          },
        ],
      },
    });
  });

  test('gives the last day of one, without what is older or unknown', async () => {
    await store(Date.now() - 6 * MINUTE_MS);
    interface Series {
      stale: boolean;
      points: { ts: number; expected: number | null }[];
    }
    const minutesOf = ({ points }: Series) => points.map(({ ts }) => ts / MINUTE_MS - newest.minute);
    const { body } = await get<Series>(`/ml/series/${name}`);
    expect(body.stale).toBe(true);
    expect(minutesOf(body)).toEqual([-1_000, -1, 0]);
    expect(body.points.map(({ expected }) => expected)).toEqual([null, null, 40]);
    expect(minutesOf((await get<Series>(`/ml/series/${name}?minutes=2`)).body)).toEqual([-1, 0]);
    expect((await get(`/ml/series/${name}?minutes=1441`)).status).toBe(400);
  });
});

describe('GET /ml/metrics', () => {
  test('of a fresh suite is all zero, and nothing is stuck', async () => {
    expect(await get('/ml/metrics')).toMatchObject({
      status: 200,
      body: {
        events: { accepted: 0, folded: 0, lag: 0 },
        readers: { predictor: { taken: 0, waiting: 0, oldestWaitingSeconds: null, moving: true } },
      },
    });
  });

  test('adds the partitions up, and tells a reader that stands still', async () => {
    const [seconds] = await redis.time();
    const longAgo = `${(Number(seconds) - 100) * 1000}-0`;
    const justNow = `${(Number(seconds) - 2) * 1000}-0`;
    for (const [partition, accepted, folded] of [
      [0, 100, 90],
      [5, 50, 50],
    ] as const) {
      await redis.set(acceptedKey(partition), accepted);
      await redis.hset(cursorKey('feature-extractor', partition), { count: folded, emitted: 20, last: '1-0' });
      await redis.hset(cursorKey('predictor', partition), { count: 15, last: '1-0' });
      await redis.hset(cursorKey('kenning', partition), { count: 10, last: '1-0' });
    }
    await redis.xadd(streamKey('events', 0), longAgo, 'b', 'x');
    await redis.xadd(streamKey('features', 5), justNow, 'b', 'x');
    await redis.xadd(anomaliesKey, '*', 'b', 'x');

    const { body } = await get<Record<string, unknown>>('/ml/metrics');
    expect(body).toMatchObject({
      events: { accepted: 150, folded: 140, lag: 10 },
      vectors: { emitted: 40, scored: 30, lag: 10 },
      predictions: { made: 30, archived: 20, lag: 10 },
      anomalies: { inStream: 1 },
      readers: {
        'feature-extractor': { taken: 140, waiting: 10, moving: false },
        predictor: { waiting: 10, moving: true },
        kenning: { waiting: 10, oldestWaitingSeconds: null, moving: true },
      },
    });
    expect((body.partitions as unknown[])[0]).toEqual({ partition: 0, accepted: 100, folded: 90, lag: 10 });
    const metrics = await (await fetch(`${backend.url}/metrics`)).text();
    const ages = [...metrics.matchAll(/^liminal_backend_oldest_waiting_seconds\{reader="(.+)"\} (\d+)$/gm)];
    expect(Object.fromEntries(ages.map(([, reader, age]) => [reader, Math.floor(Number(age) / 10)]))).toEqual({
      'feature-extractor': 10,
      predictor: 0,
      kenning: 0,
    });
    const readers = body.readers as Record<string, { oldestWaitingSeconds: number }>;
    expect(readers['feature-extractor']!.oldestWaitingSeconds).toBeGreaterThanOrEqual(100);
    expect(readers.predictor!.oldestWaitingSeconds).toBeLessThan(30);
  });
});
