import { setTimeout as sleep } from 'node:timers/promises';
import { anomaliesKey } from '@liminal/shared/contracts/keys';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { startTestService, type TestService } from '@liminal/shared/testing/start-service';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { service } from '../src/app.ts';
import { explanation, seriesRecord, userRecord, writeSeries, writeUsers } from './anomaly-records.ts';
import { SseClient } from './sse-client.ts';

const MAX_CLIENTS = 60;
let server: TestRedis;
let redis: Redis;
let backend: TestService;
const open: SseClient[] = [];

const env = () => ({
  REDIS_URL: server.url,
  ANOMALY_STREAM_CLIENTS: String(MAX_CLIENTS),
  ANOMALY_STREAM_BUFFER_BYTES: '65536',
  ANOMALY_STREAM_HEARTBEAT_MS: '200',
});

beforeAll(async () => {
  server = await startTestRedis();
  redis = new Redis(server.url);
});
beforeEach(async () => {
  backend = await startTestService(service, env());
});
afterEach(async () => {
  for (const client of open.splice(0)) client.close();
  await backend.stop();
  await redis.flushall();
});
afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
});

async function stream(query = '', lastEventId?: string): Promise<SseClient> {
  const client = await SseClient.open(`${backend.url}/ml/anomalies/stream${query}`, lastEventId);
  open.push(client);
  await client.until('greeting', ({ retryMs }) => retryMs !== undefined);
  return client;
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${backend.url}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${name} `) || one.startsWith(`${name}{`));
  return Number(line?.split(' ').at(-1));
}

const users = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => userRecord({ seq: from + index }));

describe('GET /ml/anomalies/stream', () => {
  test('gives what comes from now on, as the list shows it', async () => {
    await writeUsers(redis, users(3));
    // The reader has them before the client comes.
    await sleep(200);
    const client = await stream();
    const [id] = await writeUsers(redis, [userRecord({ seq: 9 })], explanation([1], 'odd'));
    await client.until('an anomaly', ({ events }) => events.length > 0);
    expect(client.events).toMatchObject([{ name: 'anomaly', id, data: { entity: 'user', seq: 9, summary: 'odd' } }]);
    expect(client.retryMs).toBe(3_000);
  });

  test('gives each client what passes its filter, in its language', async () => {
    const [critical, series, russian, word, all] = await Promise.all([
      stream('?severity=critical'),
      stream('?entity=series'),
      stream('?lang=ru&user=ben'),
      stream('?text=ENTROPY'),
      stream(),
    ]);
    const [first] = await writeUsers(redis, [userRecord({ severity: 'critical' })]);
    const [second] = await writeUsers(redis, [userRecord({ user: 'ben' })], explanation([1], 'ip entropy'));
    const third = await writeSeries(redis, seriesRecord());
    await all.until('all', ({ anomalies }) => anomalies.length === 3);
    await sleep(100);
    expect(all.anomalies).toEqual([first, second, third]);
    expect(critical.anomalies).toEqual([first]);
    expect(series.anomalies).toEqual([third]);
    expect(word.anomalies).toEqual([second]);
    expect(russian.events).toMatchObject([{ id: second, data: { summary: 'странно' } }]);
  });

  test('goes on from the last id, by header or query, without a loss and without a double', async () => {
    const ids = await writeUsers(redis, users(450));
    const byHeader = await stream('', ids[9]);
    const byQuery = await stream(`?lastEventId=${ids[9]}`);
    const both = await stream(`?lastEventId=${ids[9]}`, ids[399]);
    const more: string[] = [];
    for (let batch = 0; batch < 10; batch++) more.push(...(await writeUsers(redis, users(30, 1_000 + batch * 30))));
    for (const client of [byHeader, byQuery]) {
      await client.until('the last', ({ lastEventId }) => lastEventId === more.at(-1));
      expect(client.anomalies).toEqual([...ids.slice(10), ...more]);
      expect(client.named('gap')).toEqual([]);
    }
    await both.until('the last', ({ lastEventId }) => lastEventId === more.at(-1));
    expect(both.anomalies).toEqual([...ids.slice(400), ...more]);
  });

  test('says that it lives, and moves the id on over what does not pass', async () => {
    const client = await stream('?user=nobody');
    const ids = await writeUsers(redis, users(2));
    await client.until('signs of life', ({ marks, lastEventId }) => marks > 2 && lastEventId === ids[1]);
    expect(client.events).toEqual([]);
  });

  test('says so when what came after the id is kept no longer', async () => {
    const ids = await writeUsers(redis, users(10));
    await redis.xtrim(anomaliesKey, 'MAXLEN', 4);
    const client = await stream('', ids[2]);
    await client.until('the last', ({ lastEventId }) => lastEventId === ids[9]);
    expect(client.events[0]).toEqual({ name: 'gap', id: ids[2], data: { after: ids[2], oldestKept: ids[6] } });
    expect(client.anomalies).toEqual(ids.slice(6));
    const without = await stream('', ids[7]);
    await without.until('the last', ({ lastEventId }) => lastEventId === ids[9]);
    expect(without.named('gap')).toEqual([]);
    expect(await metric('liminal_backend_stream_gaps_total')).toBe(1);
  });

  test('starts from the oldest for an id that this stream never gave', async () => {
    const ids = await writeUsers(redis, users(3));
    const client = await stream('', `${Date.now() + 86_400_000}-0`);
    await client.until('the last', ({ anomalies }) => anomalies.length === 3);
    expect(client.events[0]).toMatchObject({ name: 'gap', data: { oldestKept: ids[0] } });
    expect(client.anomalies).toEqual(ids);
  });

  test('has no gap from the very beginning', async () => {
    const client = await stream('', '0-0');
    const ids = await writeUsers(redis, users(3));
    await client.until('the last', ({ anomalies }) => anomalies.length === 3);
    expect(client.named('gap')).toEqual([]);
    expect(client.anomalies).toEqual(ids);
  });

  test('takes as many clients as may be, and says when to come again', async () => {
    await Promise.all(Array.from({ length: MAX_CLIENTS }, () => stream()));
    const refused = await fetch(`${backend.url}/ml/anomalies/stream`);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('10');
    expect(await refused.json()).toMatchObject({ error: { code: 'LIMINAL_ERR_STREAM_FULL' } });
    expect(await metric('liminal_backend_stream_refused_total')).toBe(1);
    expect(await metric('liminal_backend_stream_clients')).toBe(MAX_CLIENTS);
    open.pop()!.close();
    await sleep(100);
    expect(await metric('liminal_backend_stream_ended_total{reason="left"}')).toBe(1);
    await stream();
  });

  test('ends politely when the service stops, at once', async () => {
    const client = await stream();
    const [id] = await writeUsers(redis, [userRecord()]);
    await client.until('an anomaly', ({ anomalies }) => anomalies.length === 1);
    const startedAt = performance.now();
    await backend.stop();
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    await client.until('its end', ({ isEnded }) => isEnded);
    expect(client.events.at(-1)).toEqual({ name: 'end', id, data: { reason: 'stopping', lastEventId: id } });
    backend = await startTestService(service, env());
  });

  test.each(['?lastEventId=yesterday', '?lastEventId=99999999999999999999-0', '?verdict=none', '?severity=bad'])(
    'refuses %s',
    async (query) => {
      const response = await fetch(`${backend.url}/ml/anomalies/stream${query}`);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: { code: 'LIMINAL_ERR_HTTP_INVALID' } });
    },
  );

  test('survives an outage of Redis', async () => {
    const client = await stream();
    const [before] = await writeUsers(redis, [userRecord({ seq: 1 })]);
    await client.until('the first', ({ anomalies }) => anomalies.length === 1);
    await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    const [after] = await writeUsers(redis, [userRecord({ seq: 2 })]);
    await client.until('the second', ({ anomalies }) => anomalies.length === 2);
    expect(client.anomalies).toEqual([before, after]);
  });

  test('of 50 clients those that keep up lose nothing, and the slow ones are dropped and lose nothing either', {
    timeout: 120_000,
  }, async () => {
    const clients = await Promise.all(Array.from({ length: 50 }, () => stream()));
    const slow = clients.slice(0, 5);
    for (const client of slow) client.pause();
    const why = explanation([1], 'x'.repeat(8_000));
    const ids: string[] = [];
    // The sockets of this machine hold some megabytes before anything waits in the service.
    while ((await metric('liminal_backend_stream_ended_total{reason="slow"}')) < slow.length) {
      ids.push(...(await writeUsers(redis, users(50, ids.length), why)));
      await clients[10]!.until('all so far', ({ lastEventId }) => lastEventId === ids.at(-1));
      expect(ids.length).toBeLessThan(5_000);
    }
    ids.push(...(await writeUsers(redis, users(20, ids.length), why)));
    for (const client of clients.slice(5)) {
      await client.until('all', ({ lastEventId }) => lastEventId === ids.at(-1));
      expect(client.anomalies).toEqual(ids);
    }
    for (const client of slow) {
      client.resume();
      await client.until('its end', ({ isEnded }) => isEnded);
      const { name, id, data } = client.events.at(-1)!;
      expect({ name, data }).toEqual({ name: 'end', data: { reason: 'slow', lastEventId: id } });
      expect(client.anomalies.length).toBeLessThan(ids.length);
      const again = await stream('', id);
      await again.until('the rest', ({ lastEventId }) => lastEventId === ids.at(-1));
      expect([...client.anomalies, ...again.anomalies]).toEqual(ids);
    }
  });
});
