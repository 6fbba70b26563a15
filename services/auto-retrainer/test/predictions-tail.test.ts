import { cursorKey, streamKey } from '@liminal/shared/contracts/keys';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PredictionsTail } from '../src/handlers/predictions-tail.ts';

const MINUTE_MS = 60_000;

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
beforeEach(() => redis.flushall());

describe('how far the predictor is behind', () => {
  const tail = () => new PredictionsTail(redis, 2).predictorLagMs();
  const vectorsAt = async (partition: number, ...ages: number[]): Promise<string[]> => {
    const now = Date.now();
    const ids = ages.map((age) => `${now - age}-0`);
    for (const id of ids) await redis.xadd(streamKey('features', partition), id, 'b', '');
    return ids;
  };
  const scored = (partition: number, id: string) => redis.hset(cursorKey('predictor', partition), 'last', id);

  it('is nothing where nothing waits, however long ago the last vector was', async () => {
    expect(await tail()).toBe(0);
    const [last] = await vectorsAt(0, 50 * MINUTE_MS);
    await scored(0, last!);
    expect(await tail()).toBe(0);
  });

  it('is nothing to speak of where a vector has just come after a long silence', async () => {
    const [last] = await vectorsAt(0, 50 * MINUTE_MS, 100);
    await scored(0, last!);
    expect(await tail()).toBeLessThan(5_000);
  });

  it('is the age of the oldest vector that waits, over all partitions', async () => {
    const [last] = await vectorsAt(0, 50 * MINUTE_MS, 3 * MINUTE_MS, 100);
    await scored(0, last!);
    await vectorsAt(1, 2 * MINUTE_MS);
    expect((await tail()) / MINUTE_MS).toBeCloseTo(3, 1);
  });
});
