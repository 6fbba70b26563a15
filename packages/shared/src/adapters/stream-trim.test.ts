import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { neededFromKey, streamKey } from '../contracts/keys.ts';
import { startTestRedis, type TestRedis } from '../testing/redis.ts';
import { trimStream } from './stream-trim.ts';

const KEY = streamKey('predictions', 0);

let server: TestRedis;
let redis: Redis;
beforeAll(async () => {
  server = await startTestRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(async () => {
  await redis.flushall();
  for (let id = 1; id <= 10; id++) await redis.xadd(KEY, `${id}-0`, 'b', 'x');
});

const neededFrom = (readers: Record<string, string>) => redis.hset(neededFromKey('predictions', 0), readers);
const left = async (): Promise<number[]> => (await redis.xrange(KEY, '-', '+')).map(([id]) => Number(id.split('-')[0]));

it('removes what is before the place of the slowest reader', async () => {
  await neededFrom({ kenning: '7-0', other: '10-0' });
  await trimStream(redis, 'predictions', 0);
  expect(await left()).toEqual([7, 8, 9, 10]);
});

it('keeps the newest entries', async () => {
  await neededFrom({ kenning: '10-0' });
  await trimStream(redis, 'predictions', 0, 3);
  expect(await left()).toEqual([8, 9, 10]);
});

it('never passes the slowest reader, however few are to be kept', async () => {
  await neededFrom({ kenning: '4-0', other: '10-0' });
  await trimStream(redis, 'predictions', 0, 3);
  expect(await left()).toEqual([4, 5, 6, 7, 8, 9, 10]);
});

it('removes nothing where fewer are there than are to be kept, or no reader is known', async () => {
  await neededFrom({ kenning: '10-0' });
  await trimStream(redis, 'predictions', 0, 10);
  expect(await left()).toHaveLength(10);
  await redis.del(neededFromKey('predictions', 0));
  await trimStream(redis, 'predictions', 0, 3);
  expect(await left()).toHaveLength(10);
});

it('works off a long stream call by call', async () => {
  const pipeline = redis.pipeline();
  for (let id = 11; id <= 2_500; id++) pipeline.xadd(KEY, `${id}-0`, 'b', 'x');
  await pipeline.exec();
  await neededFrom({ kenning: '2500-0' });
  await trimStream(redis, 'predictions', 0, 100);
  expect(await redis.xlen(KEY)).toBe(1_500);
  await trimStream(redis, 'predictions', 0, 100);
  await trimStream(redis, 'predictions', 0, 100);
  expect(await redis.xlen(KEY)).toBe(100);
});
