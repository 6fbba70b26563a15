import { PartitionGroup } from '@liminal/shared/adapters/partition-group';
import { LeaseLostError } from '@liminal/shared/adapters/stream-worker';
import {
  deadLetterKey,
  fenceKey,
  seriesDetectorKey,
  seriesPointsKey,
  streamKey,
  watchKey,
} from '@liminal/shared/contracts/keys';
import { type ClosedMinutes, encodeClosedMinutes } from '@liminal/shared/contracts/platform-minutes';
import { decodeSeriesList } from '@liminal/shared/contracts/series';
import { decodePoints } from '@liminal/shared/contracts/series-points';
import { EventLoopShare } from '@liminal/shared/runtime/event-loop-share';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { writeSeriesCommit } from '../src/commit/series-commit.ts';
import { loadConfig } from '../src/config.ts';
import { SeriesWatch } from '../src/handlers/series-watch.ts';
import { createMetrics } from '../src/metrics.ts';

const PARTITIONS = 2;
const LEASE_MS = 1_000;
const FIRST = 29_460_240;

let server: TestRedis;
let redis: Redis;
let running: SeriesWatch[] = [];

beforeAll(async () => {
  server = await startTestRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(() => redis.flushall());
afterEach(async () => {
  for (const watch of running) await watch.stop();
  running = [];
});

function start(instanceId: string): { watch: SeriesWatch; registry: Registry } {
  const registry = new Registry();
  const watch = new SeriesWatch({
    redis,
    group: new PartitionGroup({ redis, group: 'series-watch', partitions: 1, instanceId, leaseMs: LEASE_MS }),
    config: loadConfig({ PARTITIONS: String(PARTITIONS), WATCH_GROUPS: '1' }),
    metrics: createMetrics(registry, { partitions: () => 0 }),
    logger: pino({ level: 'silent' }),
    share: new EventLoopShare(),
    now: () => 1_000,
  });
  watch.start();
  running.push(watch);
  return { watch, registry };
}

/** A minute of both partitions with so many logins in each. */
async function store(minute: number, logins: number): Promise<void> {
  const counts = { minute, users: 3, logins, failedLogins: 0, tokenRefreshes: 0, channels: [] };
  const routes = [{ group: '/a', requests: 2, errors: 0, users: 1, durations: [100, 2] }];
  const closed: ClosedMinutes = { from: minute, through: minute, ticks: [], minutes: [{ ...counts, routes }] };
  for (let partition = 0; partition < PARTITIONS; partition++) {
    await redis.xadd(streamKey('series', partition), '*', 'b', encodeClosedMinutes(closed));
  }
}

const newestMinute = async (): Promise<number | undefined> => {
  const bytes = await redis.hgetBuffer(watchKey, 'series');
  return bytes === null ? undefined : decodeSeriesList(bytes).series[0]!.newest.minute;
};
const watchedTo = (minute: number) =>
  vi.waitFor(async () => expect(await newestMinute()).toBe(minute), { timeout: 8_000, interval: 50 });

async function valuesOf(series: string): Promise<[minute: number, value: number][]> {
  const ring = await redis.getBuffer(seriesPointsKey(series));
  return decodePoints(ring!, FIRST, FIRST + 99).map(({ minute, value }) => [minute - FIRST, value]);
}

describe('the watch over the series', () => {
  it('merges what the partitions closed, shows it in metrics without a name from traffic, and lets it be trimmed', async () => {
    for (let minute = 0; minute < 5; minute++) await store(FIRST + minute, minute);
    const { registry } = start('a');
    await watchedTo(FIRST + 4);
    expect(await valuesOf('logins')).toEqual([0, 1, 2, 3, 4].map((minute) => [minute, 2 * minute]));
    expect(await valuesOf('requests@route:/a')).toHaveLength(5);
    await vi.waitFor(async () => expect(await redis.xlen(streamKey('series', 1))).toBe(1));
    const metrics = await registry.metrics();
    expect(metrics).toContain('liminal_predictor_series_value{series="logins"} 8');
    expect(metrics).toContain('liminal_predictor_series_value{series="requests@route-0"} 4');
    expect(metrics).toContain('liminal_predictor_series_minutes_total{result="scored"} 5');
    expect(metrics).not.toContain('/a');
    expect(metrics).not.toMatch(/series_score\{/);
  });

  it('is one at a time; another one goes on where it ended', async () => {
    await store(FIRST, 1);
    const { watch: first } = start('a');
    await watchedTo(FIRST);
    const { watch: second } = start('b');
    await store(FIRST + 1, 2);
    await watchedTo(FIRST + 1);
    expect([first.isWatching, second.isWatching]).toEqual([true, false]);
    await first.stop();
    await store(FIRST + 2, 3);
    await watchedTo(FIRST + 2);
    expect(second.isWatching).toBe(true);
    expect(await valuesOf('logins')).toEqual([
      [0, 2],
      [1, 4],
      [2, 6],
    ]);
    expect(await redis.hget(watchKey, 'commits')).toBe('3');
  });

  it('goes on from what is committed after another one had a newer fencing token', async () => {
    await store(FIRST, 1);
    const { watch } = start('a');
    await watchedTo(FIRST);
    const before = await redis.hgetall(watchKey);
    await redis.incr(fenceKey('series-watch', 0));
    const commit = {
      state: Buffer.alloc(1),
      list: Buffer.alloc(1),
      cursors: [],
      series: [],
      removed: [],
      anomalies: [],
      deadLetters: [],
    };
    await expect(writeSeriesCommit(redis, { ...commit, fence: 1, commits: 1 })).rejects.toThrow(LeaseLostError);
    await expect(writeSeriesCommit(redis, { ...commit, fence: 2, commits: 0 })).rejects.toThrow(LeaseLostError);
    expect(await redis.hgetall(watchKey)).toEqual(before);
    await store(FIRST + 1, 2);
    await watchedTo(FIRST + 1);
    expect(await valuesOf('logins')).toEqual([
      [0, 2],
      [1, 4],
    ]);
    expect(watch.isWatching).toBe(true);
    expect(Number(await redis.get(fenceKey('series-watch', 0)))).toBe(3);
  });

  it('forgets a series that is given up, and not what one of the same name brings in the same commit', async () => {
    const point = { value: 1, expected: 1, expectedLow: 1, expectedHigh: 1, score: 0, severity: 'none' } as const;
    const at = (minute: number) => ({ ...point, minute, status: 'judged', alarm: false }) as const;
    await redis.set(fenceKey('series-watch', 0), 1);
    const commit = {
      fence: 1,
      state: Buffer.alloc(1),
      list: Buffer.alloc(1),
      cursors: [],
      anomalies: [],
      deadLetters: [],
    };
    const detector = Buffer.from('of before');
    const before = ['a', 'b'].map((name) => ({ name, points: [at(FIRST), at(FIRST + 1)], detector }));
    await writeSeriesCommit(redis, { ...commit, commits: 0, series: before, removed: [] });
    const anew = { name: 'a', points: [at(FIRST + 2)], detector: Buffer.from('begun anew') };
    await writeSeriesCommit(redis, { ...commit, commits: 1, series: [anew], removed: ['a', 'b'] });
    expect(await valuesOf('a')).toEqual([[2, 1]]);
    expect(await redis.get(seriesDetectorKey('a'))).toBe('begun anew');
    expect(await redis.exists(seriesPointsKey('b'), seriesDetectorKey('b'))).toBe(0);
  });

  it('puts aside what it can not decode, once', async () => {
    await store(FIRST, 1);
    await redis.xadd(streamKey('series', 1), '*', 'b', 'no minutes of ours');
    const { watch } = start('a');
    await vi.waitFor(async () => expect(await redis.xlen(deadLetterKey('series'))).toBe(1), { timeout: 5_000 });
    await watch.stop();
    start('b');
    await store(FIRST + 1, 2);
    await watchedTo(FIRST + 1);
    expect(await redis.xlen(deadLetterKey('series'))).toBe(1);
    expect((await redis.xrange(deadLetterKey('series'), '-', '+'))[0]![1]).toContain('no minutes of ours');
  });
});
