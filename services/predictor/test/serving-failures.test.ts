import { servingKey } from '@liminal/shared/contracts/keys';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServingReader } from '../../auto-retrainer/src/handlers/serving-reader.ts';
import { ServingFailures } from '../src/handlers/serving-failures.ts';

const [RELEASE, OTHER] = ['r-20260101T000000-00000000', 'r-20260102T000000-11111111'];

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

describe('what fails of a release that serves', () => {
  it('is added up by release over partitions and flushes, and forgotten after a day', async () => {
    const failures = new ServingFailures({ redis, logger: pino({ level: 'silent' }) });
    await failures.flush();
    expect(await redis.dbsize()).toBe(0);
    failures.add(0, RELEASE!, 'failedRuns');
    failures.add(3, RELEASE!, 'failedRuns');
    failures.add(3, RELEASE!, 'explained', 7);
    failures.add(3, OTHER!, 'unexplained', 2);
    await failures.flush();
    failures.add(3, RELEASE!, 'explained');
    await failures.flush();
    const reader = new ServingReader(redis, 8);
    expect(await reader.counts(RELEASE!)).toEqual({ failedRuns: 2, explained: 8, unexplained: 0 });
    expect(await reader.counts(OTHER!)).toEqual({ failedRuns: 0, explained: 0, unexplained: 2 });
    expect(await redis.ttl(servingKey(3, OTHER!))).toBeGreaterThan(86_000);
  });

  it('fails nothing when it can not be written', async () => {
    const away = new Redis({ lazyConnect: true, enableOfflineQueue: false });
    const failures = new ServingFailures({ redis: away, logger: pino({ level: 'silent' }) });
    failures.add(0, RELEASE!, 'failedRuns');
    await expect(failures.flush()).resolves.toBeUndefined();
    away.disconnect();
  });
});
