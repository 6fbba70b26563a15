import type { Event } from '@liminal/shared/contracts/event';
import { encodeEventBatch } from '@liminal/shared/contracts/event-batch-writer';
import { decodeFeatureVectors, type FeatureVector } from '@liminal/shared/contracts/feature-vector';
import { acceptedKey, cursorKey, deadLetterKey, leaseKey, streamKey } from '@liminal/shared/contracts/keys';
import { partitionOf } from '@liminal/shared/contracts/partition';
import { replayEvents } from '@liminal/shared/features/replay';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { startTestService } from '@liminal/shared/testing/start-service';
import { normalTraffic } from '@liminal/simulator/traffic';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { service } from '../src/app.ts';

const PARTITIONS = 4;
const T0 = Date.UTC(2026, 0, 5, 12);

let server: TestRedis;
let redis: Redis;
let env: Record<string, string>;

beforeAll(async () => {
  server = await startTestRedis();
  redis = new Redis(server.url);
  env = { REDIS_URL: server.url, PARTITIONS: String(PARTITIONS), LEASE_MS: '3000' };
});
beforeEach(() => redis.flushall());
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

/** Stores events as the backend does, one entry a partition. */
async function store(events: readonly Event[]): Promise<void> {
  const batches = Map.groupBy(events, (event) => partitionOf(event.user, PARTITIONS));
  for (const [partition, batch] of batches) {
    const bytes = encodeEventBatch(batch);
    await redis.xadd(streamKey('events', partition), '*', 'b', bytes, 'n', batch.length);
    await redis.incrby(acceptedKey(partition), batch.length);
  }
}

async function untilFolded(): Promise<void> {
  await vi.waitFor(
    async () => {
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const folded = await redis.hget(cursorKey('feature-extractor', partition), 'count');
        expect(Number(folded ?? 0)).toBe(Number((await redis.get(acceptedKey(partition))) ?? 0));
      }
    },
    { timeout: 15_000, interval: 20 },
  );
}

async function emittedVectors(): Promise<FeatureVector[]> {
  const vectors: FeatureVector[] = [];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (const [, fields] of await redis.xrangeBuffer(streamKey('features', partition), '-', '+')) {
      vectors.push(...decodeFeatureVectors(fields[1]!));
    }
  }
  return vectors.sort(byUser);
}

const byUser = (left: FeatureVector, right: FeatureVector): number =>
  left.user === right.user ? left.seq - right.seq : left.user < right.user ? -1 : 1;

const holders = (): Promise<(string | null)[]> =>
  Promise.all(
    Array.from({ length: PARTITIONS }, (_, partition) => redis.get(leaseKey('feature-extractor', partition))),
  );

describe('feature-extractor', () => {
  it('puts aside what it can not decode, once, and goes on; nothing is left waiting', async () => {
    const good: Event = { kind: 'login', ts: T0, user: 'ada', ip: '192.0.2.1', success: true };
    const partition = partitionOf('ada', PARTITIONS);
    await redis.xadd(streamKey('events', partition), '*', 'b', 'no msgpack of ours', 'n', 3);
    await redis.incrby(acceptedKey(partition), 3);
    await store([good]);
    await using extractor = await startTestService(service, env);
    await untilFolded();
    const letters = await redis.xrange(deadLetterKey(streamKey('events', partition)), '-', '+');
    expect(letters).toHaveLength(1);
    expect(letters[0]![1]).toContain('no msgpack of ours');
    const answer = await fetch(`${extractor.url}/features/ada`);
    expect(await answer.json()).toMatchObject({ user: 'ada', seq: 1, features: { requests_per_user: 0 } });
    expect((await fetch(`${extractor.url}/features/nobody`)).status).toBe(404);
  });

  it('shares the partitions with a second instance, and gives them over without losing or repeating anything', async () => {
    const endMs = T0 + 4 * 3_600_000;
    const events = [...normalTraffic({ seed: 3, startMs: T0, endMs, users: 60 })];
    const third = Math.ceil(events.length / 3);
    await using first = await startTestService(service, { ...env, INSTANCE_ID: 'first' });
    await store(events.slice(0, third));
    await vi.waitFor(async () => expect(await holders()).toEqual(Array(PARTITIONS).fill('first')), { timeout: 5_000 });

    const second = await startTestService(service, { ...env, INSTANCE_ID: 'second' });
    await store(events.slice(third, 2 * third));
    await vi.waitFor(async () => expect((await holders()).sort()).toEqual(['first', 'first', 'second', 'second']), {
      timeout: 10_000,
    });
    await store(events.slice(2 * third));
    await second.stop();
    await vi.waitFor(async () => expect(await holders()).toEqual(Array(PARTITIONS).fill('first')), { timeout: 10_000 });
    await untilFolded();
    expect(await emittedVectors()).toEqual([...replayEvents(events)].sort(byUser));
    expect(first.url).toContain('http');
  });
});
