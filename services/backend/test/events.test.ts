import { acceptedKey, cursorKey, seenIdsKey, streamKey } from '@liminal/shared/contracts/keys';
import { partitionOf } from '@liminal/shared/contracts/partition';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { startTestService, type TestService } from '@liminal/shared/testing/start-service';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { service } from '../src/app.ts';
import { CallEvents } from '../src/ingest/call-events.ts';
import { ingest, SEEN_IDS_SPAN_SECONDS } from '../src/ingest/ingest.ts';
import { storedEvents } from './stored-events.ts';

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

const login = (fields: object = {}) => ({
  kind: 'login',
  ts: Date.now(),
  user: 'ada',
  ip: '192.0.2.1',
  success: true,
  ...fields,
});
const USERS = Array.from({ length: 40 }, (_, index) => `user-${index}`);

async function post(body: unknown, contentType = 'application/json', url = backend.url) {
  const response = await fetch(`${url}/events`, {
    method: 'POST',
    headers: { 'content-type': contentType },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const answer = (await response.json()) as {
    accepted?: number;
    duplicates?: number;
    error?: { code: string; message: string; requestId: string; details?: Record<string, unknown> };
  };
  return { status: response.status, headers: response.headers, ...answer };
}

const metric = async (line: string): Promise<number> => {
  const text = await (await fetch(`${backend.url}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((candidate) => candidate.startsWith(`${line} `))
      ?.slice(line.length) ?? 0,
  );
};

/** All keys but those by which replicas share their work. */
const storedKeys = async () =>
  (await redis.keys('*')).sort().filter((key) => !/^(lease|fence|members|cursor):incidents/.test(key));

describe('a call', () => {
  test('may be one object, an array, or lines', async () => {
    expect(await post(login())).toMatchObject({ status: 202, accepted: 1, duplicates: 0 });
    expect(await post(USERS.map((user) => login({ user })))).toMatchObject({ status: 202, accepted: USERS.length });
    const lines = `${JSON.stringify(login({ user: 'x' }))}\n\n${JSON.stringify(login({ user: 'y' }))}\n`;
    expect(await post(lines, 'application/x-ndjson; charset=utf-8')).toMatchObject({ status: 202, accepted: 2 });
    expect((await storedEvents(redis)).map(({ user }) => user).sort()).toEqual(['ada', 'x', 'y', ...USERS].sort());
  });

  test('of no events is taken and stores nothing', async () => {
    expect(await post([])).toMatchObject({ status: 202, accepted: 0, duplicates: 0 });
    expect(await storedKeys()).toEqual([]);
  });

  test('is one entry a partition, counted', async () => {
    await post(USERS.map((user) => login({ user })));
    const expected = new Map<number, number>();
    for (const user of USERS) expected.set(partitionOf(user, 8), (expected.get(partitionOf(user, 8)) ?? 0) + 1);
    for (let partition = 0; partition < 8; partition++) {
      const count = expected.get(partition);
      expect(await redis.xlen(streamKey('events', partition))).toBe(count === undefined ? 0 : 1);
      expect(await redis.get(acceptedKey(partition))).toBe(count === undefined ? null : String(count));
    }
  });

  test('of the greatest size is taken, in any format', async () => {
    const events = Array.from({ length: 10_000 }, (_, index) => login({ user: `user-${index % 900}`, id: `${index}` }));
    expect(await post(events)).toMatchObject({ status: 202, accepted: 10_000, duplicates: 0 });
    const lines = events.map((event) => JSON.stringify(event)).join('\n');
    expect(await post(lines, 'application/x-ndjson')).toMatchObject({ status: 202, accepted: 0, duplicates: 10_000 });
    expect(await storedEvents(redis)).toHaveLength(10_000);
    expect(await post([...events, login()])).toMatchObject({
      status: 413,
      error: { code: 'LIMINAL_ERR_EVENTS_TOO_MANY' },
    });
  });
});

describe('whole or not at all', () => {
  const good = USERS.map((user) => login({ user, id: user }));

  test.each([
    ['a bad event in an array', JSON.stringify([...good, login({ status: 1 }), {}]), 'application/json', 40, 'status'],
    [
      'a bad event in lines',
      [...good, {}].map((e) => JSON.stringify(e)).join('\n'),
      'application/x-ndjson',
      40,
      'kind',
    ],
    ['a line that is no JSON', `${JSON.stringify(good[0])}\n{"kind":`, 'application/x-ndjson', 1, ''],
    ['a bad event before a line that is no JSON', `{}\n{"kind":`, 'application/x-ndjson', 0, 'kind'],
    ['one bad object', JSON.stringify(login({ ip: 5 })), 'application/json', 0, 'ip'],
    [
      'an event in the future',
      JSON.stringify([login(), login({ ts: Date.now() + 600_000 })]),
      'application/json',
      1,
      'ts',
    ],
  ])('%s is named, and nothing is stored', async (_, body, contentType, index, path) => {
    expect(await post(body, contentType)).toMatchObject({
      status: 400,
      error: {
        code: 'LIMINAL_ERR_EVENT_INVALID',
        requestId: expect.any(String),
        details: { index, path, reason: expect.any(String) },
      },
    });
    expect(await storedKeys()).toEqual([]);
  });

  test.each([
    ['a body over 8 MB', ' '.repeat(8 * 1024 * 1024 + 1), 'application/json', 413, 'LIMINAL_ERR_HTTP_REFUSED'],
    ['another content type', JSON.stringify(login()), 'text/plain', 415, 'LIMINAL_ERR_HTTP_REFUSED'],
    ['no JSON', '[{]', 'application/json', 400, 'LIMINAL_ERR_EVENTS_UNREADABLE'],
    ['an empty body', '', 'application/json', 400, 'LIMINAL_ERR_EVENTS_UNREADABLE'],
  ])('%s is refused in the common format and counted', async (_, body, contentType, status, code) => {
    const before = await metric(`liminal_backend_refusals_total{reason="${code}"}`);
    expect(await post(body, contentType)).toMatchObject({ status, error: { code, message: expect.any(String) } });
    expect(await metric(`liminal_backend_refusals_total{reason="${code}"}`)).toBe(before + 1);
    expect(await storedKeys()).toEqual([]);
  });

  test('over the high-water mark of one partition nothing of any is stored', async () => {
    const partition = partitionOf('user-7', 8);
    await redis.set(acceptedKey(partition), 300_000);
    await redis.hset(cursorKey('feature-extractor', partition), 'count', 100_001);
    const keysBefore = await storedKeys();

    const refused = await post([...good, login({ user: 'user-7' })]);
    expect(refused).toMatchObject({
      status: 503,
      error: { code: 'LIMINAL_ERR_EVENTS_BACKPRESSURE', details: { partition } },
    });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await storedKeys()).toEqual(keysBefore);

    // room for exactly one more
    expect(await post(login({ user: 'user-7' }))).toMatchObject({ status: 202 });
    expect(await post(login({ user: 'user-7' }))).toMatchObject({ status: 503 });
    await redis.hset(cursorKey('feature-extractor', partition), 'count', 300_000);
    expect(await post(good)).toMatchObject({ status: 202, accepted: good.length });
  });

  test('the high-water mark counts all entries of a call for a partition together', async () => {
    const partition = partitionOf('ada', 8);
    await redis.set(acceptedKey(partition), 197_000);
    expect(await post(new Array(3_001).fill(login()))).toMatchObject({ status: 503 });
    expect(await redis.exists(streamKey('events', partition))).toBe(0);
    expect(await post(new Array(3_000).fill(login()))).toMatchObject({ status: 202 });
  });
});

describe('an id', () => {
  test('counts once over calls, partitions and times', async () => {
    const events = USERS.map((user) => login({ user, id: `id-${user}` }));
    expect(await post(events)).toMatchObject({ accepted: 40, duplicates: 0 });
    expect(await post(events.slice(10, 20))).toMatchObject({ accepted: 0, duplicates: 10 });
    const mixed = [...events, ...USERS.map((user) => login({ user, id: `new-${user}` })), login({ user: 'user-1' })];
    expect(await post(mixed)).toMatchObject({ accepted: 41, duplicates: 40 });
    expect(await post(events.map((event) => ({ ...event, ts: event.ts - 3_600_000 })))).toMatchObject({
      duplicates: 40,
    });
    const ids = (await storedEvents(redis)).map(({ id }) => id);
    expect(ids.filter((id) => id?.startsWith('id-'))).toHaveLength(40);
    expect(new Set(ids.filter((id) => id !== undefined)).size).toBe(80);
    expect(ids).toHaveLength(81);
  });

  test('counts once inside a call', async () => {
    const call = [login({ id: 'a' }), login(), login({ id: 'a' }), login({ id: 'b' }), login({ id: 'a' })];
    expect(await post(call)).toMatchObject({ accepted: 3, duplicates: 2 });
    expect((await storedEvents(redis)).map(({ id }) => id)).toEqual(['a', undefined, 'b']);
  });

  test('leaves the right events when only some of an entry are new', async () => {
    await post([login({ id: 'b' }), login({ id: 'd' })]);
    await post([login(), ...['a', 'b', 'c', 'd', 'e'].map((id) => login({ id }))]);
    expect((await storedEvents(redis)).map(({ id }) => id)).toEqual(['b', 'd', undefined, 'a', 'c', 'e']);
    expect(await redis.get(acceptedKey(partitionOf('ada', 8)))).toBe('6');
  });

  test('counts once after the backend was started anew', async () => {
    await post(login({ id: 'a' }));
    await using other = await startTestService(service, { REDIS_URL: server.url });
    expect(await post(login({ id: 'a' }), undefined, other.url)).toMatchObject({ accepted: 0, duplicates: 1 });
  });

  test('is remembered for one span at least and two at most', async () => {
    await post(login({ id: 'a' }));
    const partition = partitionOf('ada', 8);
    const [seconds] = await redis.time();
    const span = Math.floor(Number(seconds) / SEEN_IDS_SPAN_SECONDS);
    const current = seenIdsKey(partition, span % 3);
    const expiresAt = await redis.expiretime(current);
    expect(expiresAt).toBe((span + 2) * SEEN_IDS_SPAN_SECONDS);

    // as if it had come in during the span before
    await redis.rename(current, seenIdsKey(partition, (span + 2) % 3));
    expect(await post(login({ id: 'a' }))).toMatchObject({ accepted: 0, duplicates: 1 });
    // and in the one before that, which is over
    await redis.del(current);
    await redis.rename(seenIdsKey(partition, (span + 2) % 3), seenIdsKey(partition, (span + 1) % 3));
    expect(await post(login({ id: 'a' }))).toMatchObject({ accepted: 1, duplicates: 0 });
  });
});

test('the same call stores once, however often its script is sent', async () => {
  const events = new CallEvents(8, Date.now());
  events.add(USERS.map((user) => login({ user })));
  const batches = events.batches();
  const first = await ingest(redis, 'one', batches, 100);
  expect(first).toEqual({ accepted: 40, duplicates: 0 });
  expect(await ingest(redis, 'one', batches, 100)).toEqual(first);
  expect(await storedEvents(redis)).toHaveLength(40);
  await ingest(redis, 'two', batches, 100);
  expect(await storedEvents(redis)).toHaveLength(80);
});

test('metrics tell accepted, duplicate and refused events, and the lag', async () => {
  const read = async () =>
    Promise.all(['accepted', 'duplicate', 'refused'].map((r) => metric(`liminal_backend_events_total{result="${r}"}`)));
  const before = await read();
  await post([login({ id: 'a' }), login({ id: 'a' }), login()]);
  await post([login(), {}]);
  expect((await read()).map((value, index) => value - before[index]!)).toEqual([2, 1, 2]);
  expect(await metric(`liminal_backend_lag_events{partition="${partitionOf('ada', 8)}"}`)).toBe(2);
});

test('the documentation describes the body', async () => {
  const { paths } = (await (await fetch(`${backend.url}/docs/json`)).json()) as {
    paths: Record<string, { post: { requestBody: { content: Record<string, unknown> } } }>;
  };
  const { content } = paths['/events']!.post.requestBody;
  expect(Object.keys(content)).toEqual(expect.arrayContaining(['application/json', 'application/x-ndjson']));
  expect(JSON.stringify(content)).toContain('durationMs');
});
