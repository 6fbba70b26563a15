import { once } from 'node:events';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { anomalyId } from '@liminal/shared/contracts/prediction-batch';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { startTestService, type TestService } from '@liminal/shared/testing/start-service';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { service } from '../src/app.ts';
import { explanation, seriesRecord, userRecord, writeSeries, writeUsers } from './anomaly-records.ts';

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

interface Page {
  anomalies: { id: string; seq: number; entity: string; verdict: string | null; foundBy: string[] }[];
  next: string | null;
}

async function get<T = Page>(path: string): Promise<{ status: number; body: T }> {
  const response = await fetch(backend.url + path);
  return { status: response.status, body: (await response.json()) as T };
}

const seqs = async (query: string) => {
  const { status, body } = await get(`/ml/anomalies?${query}`);
  expect(status).toBe(200);
  return body.anomalies.map(({ seq, entity }) => seq ?? entity);
};

async function judge(seq: number, verdict: string): Promise<void> {
  const response = await fetch(`${backend.url}/ml/anomalies/${anomalyId(userRecord({ seq }))}/verdict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      verdict,
      author: '=grace',
      note: '',
      ...(verdict === 'expected' && { expiresAt: Date.now() + 3_600_000 }),
    }),
  });
  expect(response.status).toBe(201);
}

describe('GET /ml/anomalies', () => {
  test('filters by the model that found them', async () => {
    await writeUsers(redis, [
      userRecord({ seq: 1 }),
      userRecord({ seq: 2, scores: { lstm: { score: 1, pValue: 0.001 }, autoencoder: { score: 1, pValue: 0.001 } } }),
    ]);
    await writeSeries(redis, seriesRecord());
    expect(await seqs('model=isolation-forest')).toEqual([1]);
    expect(await seqs('model=lstm')).toEqual([2]);
    expect(await seqs('model=autoencoder')).toEqual([2]);
    expect((await get('/ml/anomalies?model=lstm')).body.anomalies[0]!.foundBy).toEqual(['lstm', 'autoencoder']);
  });

  test('filters by exact severity', async () => {
    await writeUsers(redis, [userRecord({ seq: 1 }), userRecord({ seq: 2, severity: 'critical' })]);
    expect(await seqs('severity=warning')).toEqual([1]);
    expect(await seqs('severity=critical')).toEqual([2]);
  });

  test('filters by the last verdict', async () => {
    await writeUsers(
      redis,
      [1, 2, 3].map((seq) => userRecord({ seq })),
    );
    await judge(1, 'false_positive');
    await judge(2, 'false_positive');
    await judge(2, 'true_positive');
    expect(await seqs('verdict=false_positive')).toEqual([1]);
    expect(await seqs('verdict=true_positive')).toEqual([2]);
    expect(await seqs('verdict=none')).toEqual([3]);
    expect(await seqs('verdict=expected')).toEqual([]);
    const { body } = await get('/ml/anomalies');
    expect(body.anomalies.map(({ verdict }) => verdict)).toEqual([null, 'true_positive', 'false_positive']);
  });

  test('filters by words in user, release, id and summary', async () => {
    await writeUsers(redis, [userRecord({ seq: 1 })], explanation([1], 'IP entropy is 3.2 bits'));
    await writeUsers(redis, [userRecord({ seq: 2, user: 'Béla', release: 'r-2' })]);
    await writeSeries(redis, seriesRecord({ scope: 'route', group: '/api/login' }));
    expect(await seqs('text=ENTROPY%20ip')).toEqual([1]);
    expect(await seqs(`text=${encodeURIComponent('странно')}`)).toEqual([1]);
    expect(await seqs(`text=${encodeURIComponent('BÉLA')}`)).toEqual([2]);
    expect(await seqs('text=r-2')).toEqual([2]);
    expect(await seqs(`text=${anomalyId(userRecord({ seq: 1 }))}`)).toEqual([1]);
    expect(await seqs('text=login')).toEqual(['series']);
    expect(await seqs('text=entropy%20login')).toEqual([]);
  });

  test('filters by event time, from inclusive and to exclusive, however late they came in', async () => {
    const at = Date.UTC(2026, 10, 23, 10);
    await writeUsers(
      redis,
      [at - 1, at + 5_000, at].map((ts, seq) => userRecord({ seq, ts })),
    );
    expect(await seqs(`from=${at}`)).toEqual([2, 1]);
    expect(await seqs('from=2026-11-23T12:00:00%2B02:00&to=2026-11-23T10:00:05Z')).toEqual([2]);
    expect(await seqs(`to=${at}`)).toEqual([0]);
    // Nothing that was written now can have happened in an hour.
    expect(await seqs(`from=${Date.now() + 3_600_000}`)).toEqual([]);
    // Events may run ahead by five minutes.
    await writeUsers(redis, [userRecord({ seq: 9, ts: Date.now() + 290_000 })]);
    expect(await seqs(`from=${Date.now() + 280_000}`)).toEqual([9]);
  });

  test('a page of a rare filter ends after 10,000, and the next one goes on', async () => {
    await writeUsers(redis, [userRecord({ seq: 1, user: 'rare' })]);
    await writeUsers(
      redis,
      Array.from({ length: 10_250 }, (_, seq) => userRecord({ seq })),
    );
    const { body: first } = await get('/ml/anomalies?user=rare');
    expect(first.anomalies).toEqual([]);
    const { body: second } = await get(`/ml/anomalies?user=rare&cursor=${first.next}`);
    expect(second).toMatchObject({ anomalies: [{ seq: 1 }], next: null });
  });

  test.each([
    ['cursor=yesterday', 'cursor'],
    ['cursor=1764000000000-0', 'cursor'],
    [`cursor=${Buffer.from('["anomalies","99999999999999999999-0"]').toString('base64url')}`, 'cursor'],
    [`cursor=${Buffer.from('["incidents","1-0"]').toString('base64url')}`, 'cursor'],
    [`cursor=${Buffer.from('["anomalies", "1-0"]').toString('base64url')}`, 'cursor'],
    ['from=yesterday', 'from'],
    ['from=5&to=5', 'from'],
    ['model=oracle', 'model'],
    ['verdict=maybe', 'verdict'],
    ['severity=none', 'severity'],
    [`text=${'x'.repeat(201)}`, 'text'],
    ['limit=501', 'limit'],
  ])('refuses %s, and says which is wrong', async (query, path) => {
    expect(await get(`/ml/anomalies?${query}`)).toMatchObject({
      status: 400,
      body: { error: { code: 'LIMINAL_ERR_HTTP_INVALID', details: { path } } },
    });
  });

  test('refuses a parameter that it does not know: a filter that is overlooked shows too much', async () => {
    expect(await get('/ml/anomalies?before=1-1')).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining('before') } },
    });
  });
});

describe('GET /ml/anomalies/export', () => {
  test('gives all that pass as one JSON object a line', async () => {
    await writeUsers(
      redis,
      Array.from({ length: 700 }, (_, seq) => userRecord({ seq })),
    );
    await judge(5, 'expected');
    const response = await fetch(`${backend.url}/ml/anomalies/export?user=ada`);
    expect(response.headers.get('content-type')).toContain('application/x-ndjson');
    const lines = (await response.text()).trimEnd().split('\n');
    const items = lines.map((line) => JSON.parse(line) as { seq: number; verdict: { verdict: string } | null });
    expect(items.map(({ seq }) => seq)).toEqual(Array.from({ length: 700 }, (_, index) => 699 - index));
    expect(items.find(({ verdict }) => verdict !== null)).toMatchObject({ seq: 5, verdict: { verdict: 'expected' } });
    expect(await (await fetch(`${backend.url}/ml/anomalies/export?user=ben`)).text()).toBe('');
  });

  test('gives CSV in which no name becomes a formula', async () => {
    await writeUsers(redis, [userRecord({ seq: 1, user: '=cmd|calc' })], explanation([1], '-1 "odd", very'));
    await writeUsers(redis, [userRecord({ seq: 2, values: userRecord().values.fill(-0.5, 1, 2) })]);
    await judge(2, 'unclear');
    await writeSeries(redis, seriesRecord());
    const response = await fetch(`${backend.url}/ml/anomalies/export?format=csv`);
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(response.headers.get('content-disposition')).toBe('attachment; filename="anomalies.csv"');
    const [header, series, second, first, end] = (await response.text()).split('\r\n');
    const column = (name: string) => header!.split(',').indexOf(name);
    expect(series!.split(',')[column('expected')]).toBe('3');
    expect(second!.split(',')[column('burstiness_score')]).toBe('-0.5');
    expect(second!.split(',')[column('verdict_author')]).toBe("'=grace");
    expect(first).toContain(`,'=cmd|calc,`);
    expect(first).toContain(`"'-1 ""odd"", very"`);
    expect(end).toBe('');
  });

  test('is made no faster than it is taken, and no more once nobody takes it', async () => {
    const summary = 'long '.repeat(2_000);
    for (let batch = 0; batch < 20; batch++) {
      const records = Array.from({ length: 250 }, (_, seq) => userRecord({ seq: batch * 250 + seq }));
      await writeUsers(redis, records, explanation([1], summary));
    }
    const slicesRead = async () => Number(/cmdstat_xrevrange:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1]);
    await redis.config('RESETSTAT');
    const call = request(`${backend.url}/ml/anomalies/export`).end();
    const [response] = await once(call, 'response');
    response.pause();
    await sleep(500);
    const whilePaused = await slicesRead();
    expect(whilePaused).toBeGreaterThan(0);
    expect(whilePaused).toBeLessThan(15);
    // The backend reads other streams now and then; the whole export would be 50 slices.
    await sleep(500);
    expect(await slicesRead()).toBeLessThan(15);
    call.destroy();
    await sleep(200);
    expect(await slicesRead()).toBeLessThan(20);
  });

  test('refuses a format that it does not have', async () => {
    expect(await get('/ml/anomalies/export?format=xlsx')).toMatchObject({ status: 400 });
  });
});
