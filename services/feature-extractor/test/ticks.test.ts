import { PartitionGroup } from '@liminal/shared/adapters/partition-group';
import { toEntry } from '@liminal/shared/adapters/stream-worker';
import type { Event } from '@liminal/shared/contracts/event';
import { encodeEventBatch } from '@liminal/shared/contracts/event-batch-writer';
import { acceptedKey, cursorKey, streamKey } from '@liminal/shared/contracts/keys';
import { type ClosedMinutes, decodeClosedMinutes } from '@liminal/shared/contracts/platform-minutes';
import { EventLoopShare } from '@liminal/shared/runtime/event-loop-share';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../src/config.ts';
import { EventsSession } from '../src/handlers/events.ts';
import { PlatformClock } from '../src/handlers/platform-clock.ts';
import { createMetrics } from '../src/metrics.ts';

const PARTITIONS = 2;
const MINUTE_MS = 60_000;
/** Hours ago, so that what this file takes for now never lies ahead of the clock of Redis. */
const T0 = (Math.floor(Date.now() / MINUTE_MS) - 300) * MINUTE_MS;
const M0 = T0 / MINUTE_MS;

let server: TestRedis;
let redis: Redis;
let now: number;
let sessions: EventsSession[];

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
  now = T0;
  await takeOver();
});

/** Opens all partitions, as an instance does that starts. */
async function takeOver(): Promise<void> {
  const group = new PartitionGroup({
    redis,
    group: 'feature-extractor',
    partitions: PARTITIONS,
    instanceId: 'a',
    leaseMs: 60_000,
  });
  const { gained } = await group.rebalance();
  const metrics = createMetrics(new Registry(), { partitions: () => 0, cachedUsers: () => 0 });
  const config = loadConfig({ PARTITIONS: String(PARTITIONS), MINUTE_LATENESS_MS: '30000' });
  const clock = new PlatformClock({ redis, partitions: PARTITIONS, now: () => now });
  const options = {
    redis,
    config,
    metrics,
    logger: pino({ level: 'silent' }),
    share: new EventLoopShare(),
    clock,
    now: () => now,
  };
  sessions = await Promise.all(gained.map((lease) => EventsSession.open(lease, options)));
}

/** An entry of one event that happened at `ts` and arrived at `arrivedAt`. */
async function store(partition: number, ts: number, arrivedAt = ts): Promise<void> {
  const event: Event = { kind: 'login', ts, user: 'ada', ip: 'i', success: true };
  await redis.xadd(streamKey('events', partition), `${arrivedAt}-0`, 'b', encodeEventBatch([event]), 'n', 1);
  await redis.incr(acceptedKey(partition));
}

/** What a worker does in about a second. */
async function round(): Promise<void> {
  for (const session of sessions) {
    await session.tend();
    const raw = await redis.xrangeBuffer(streamKey('events', session.partition), `(${session.lastId}`, '+');
    if (raw.length > 0) await session.process(raw.map(toEntry));
  }
}

async function closedOf(partition: number): Promise<ClosedMinutes[]> {
  const raw = await redis.xrangeBuffer(streamKey('series', partition), '-', '+');
  return raw.map((entry) => decodeClosedMinutes(toEntry(entry).fields.get('b')!));
}

const ticksIn = async (partition: number): Promise<number> => {
  const raw = await redis.xrangeBuffer(streamKey('events', partition), '-', '+');
  return raw.filter((entry) => toEntry(entry).fields.has('t')).length;
};

describe('minutes without events', () => {
  it('close behind those of the other partitions, once a partition has been idle', async () => {
    await store(0, T0, T0 + 3 * 3_600_000);
    await store(1, T0, T0 + 3 * 3_600_000);
    await round();
    await store(1, T0 + 5 * MINUTE_MS, T0 + 3 * 3_600_000 + 1);
    await round();
    now += 1_500;
    await round();
    await round();
    // Not idle for long enough.
    expect(await closedOf(0)).toEqual([]);
    now += 1_500;
    await round();
    await round();
    expect(await closedOf(0)).toMatchObject([
      { from: M0 - 1, through: M0 + 3, ticks: [], minutes: [{ minute: M0, logins: 1 }] },
    ]);
    // Events of the past: time stands still when they end.
    now += 3_600_000;
    for (let second = 0; second < 5; second++) await round();
    expect(await closedOf(0)).toHaveLength(1);
    expect(await closedOf(1)).toMatchObject([{ through: M0 + 3 }]);
    expect(await ticksIn(1)).toBe(0);
  });

  it('close with the wall clock after events of the present, about once a minute', async () => {
    await store(0, T0 + 1_000);
    await store(1, T0 + 2_000, T0 + 30_000);
    await round();
    for (let second = 0; second < 600; second += 5) {
      now = T0 + 30_000 + second * 1_000;
      await round();
    }
    for (const partition of [0, 1]) {
      const closed = await closedOf(partition);
      // A minute behind the clock, and half a minute for late events.
      expect(closed.at(-1)).toMatchObject({ through: M0 + 7 });
      expect(closed.flatMap(({ ticks }) => ticks)).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((minute) => M0 + minute));
      expect(closed.flatMap(({ minutes }) => minutes)).toMatchObject([{ minute: M0, users: 1 }]);
      expect(await ticksIn(partition)).toBeLessThanOrEqual(10);
    }
  });

  it('stay the same when another instance takes over', async () => {
    await store(0, T0 + 1_000);
    await store(1, T0 + 2_000);
    for (let second = 0; second < 600; second += 5) {
      now = T0 + second * 1_000;
      await round();
      if (second % 35 === 0) await takeOver();
    }
    for (const partition of [0, 1]) {
      const closed = await closedOf(partition);
      for (const [index, { from }] of closed.entries())
        if (index > 0) expect(from).toBe(closed[index - 1]!.through + 1);
      expect(closed.at(-1)).toMatchObject({ through: M0 + 7 });
      expect(closed.flatMap(({ ticks }) => ticks)).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((minute) => M0 + minute));
      expect(closed.flatMap(({ minutes }) => minutes)).toMatchObject([{ minute: M0, logins: 1 }]);
    }
    expect(await redis.hget(cursorKey('feature-extractor', 1), 'count')).toBe('1');
  });

  it('go on with the wall clock when an event comes that is long past', async () => {
    await store(0, T0 + 1_000);
    await store(1, T0 + 2_000);
    await round();
    now = T0 + 130_000;
    await store(0, T0 - 3 * MINUTE_MS, now);
    for (let second = 130; second < 600; second += 5) {
      now = T0 + second * 1_000;
      await round();
    }
    for (const partition of [0, 1]) expect((await closedOf(partition)).at(-1)).toMatchObject({ through: M0 + 7 });
  });

  it('wait while events do', async () => {
    await store(0, T0);
    await store(1, T0);
    await round();
    now = T0 + 5 * MINUTE_MS;
    await store(0, T0 + 3 * MINUTE_MS, now);
    await sessions[0]!.tend();
    expect(await ticksIn(0)).toBe(0);
    await round();
    const { minutes } = (await closedOf(0)).at(-1)!;
    expect(minutes.map(({ minute }) => minute - M0)).toEqual([0]);
  });
});
