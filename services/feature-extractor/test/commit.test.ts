import { LeaseLostError } from '@liminal/shared/adapters/stream-worker';
import { cursorKey, fenceKey, openMinutesKey, stateKey, streamKey } from '@liminal/shared/contracts/keys';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Commit, writeCommit } from '../src/commit/commit.ts';
import { PartitionMinutes } from '../src/minutes/partition-minutes.ts';

let server: TestRedis;
let redis: Redis;

beforeAll(async () => {
  server = await startTestRedis();
  redis = new Redis(server.url);
});
beforeEach(() => redis.flushall());
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const commit = (over: Partial<Commit>): Commit => ({
  partition: 0,
  fence: 2,
  fromId: '0-0',
  toId: '5-0',
  neededFrom: '5-0',
  events: 3,
  vectors: [],
  snapshots: new Map([['ada', Buffer.from('state')]]),
  minutes: {
    clock: { ...new PartitionMinutes(0).clock, watermark: 90_000, eventTime: 95_000, delayMs: 7 },
    snapshot: Buffer.from('open'),
    closed: Buffer.from('closed'),
  },
  deadLetters: [],
  ttlSeconds: 60,
  ...over,
});

it.each([
  ['an older fencing token, though the cursor has not moved', { fence: 1 }],
  ['a cursor that has moved, though the fencing token is the newest', { fromId: '4-0' }],
])('a commit with %s is refused and writes nothing', async (_, over) => {
  await redis.set(fenceKey('feature-extractor', 0), '2');
  await expect(writeCommit(redis, commit(over))).rejects.toThrow(LeaseLostError);
  const written = [stateKey(0, 'ada'), cursorKey('feature-extractor', 0), openMinutesKey(0), streamKey('series', 0)];
  expect(await redis.exists(written)).toBe(0);
  await writeCommit(redis, commit({}));
  expect(await redis.exists(written)).toBe(written.length);
  expect(await redis.hgetall(cursorKey('feature-extractor', 0))).toMatchObject({
    watermark: '90000',
    eventTime: '95000',
    delayMs: '7',
  });
});
