import { LeaseLostError } from '@liminal/shared/adapters/stream-worker';
import { cursorKey, fenceKey, stateKey } from '@liminal/shared/contracts/keys';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Commit, writeCommit } from '../src/commit/commit.ts';

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
  expect(await redis.exists(stateKey(0, 'ada'), cursorKey('feature-extractor', 0))).toBe(0);
  await writeCommit(redis, commit({}));
  expect(await redis.exists(stateKey(0, 'ada'))).toBe(1);
});
