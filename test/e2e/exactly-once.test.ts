import { setTimeout as sleep } from 'node:timers/promises';
import type { Event } from '@liminal/shared/contracts/event';
import { Random } from '@liminal/shared/runtime/random';
import { normalTraffic } from '@liminal/simulator/traffic';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectSameStates, expectSameVectors, offlineFold } from './offline-fold.ts';
import { expectSameSeries, isWatchedToTheEnd, offlineSeries } from './offline-series.ts';
import { everythingIsArchived, ServiceProcess, sendUntilTaken, until } from './service-process.ts';
import { startStores } from './stores.ts';

const SEED = Number(process.env.EXACTLY_ONCE_SEED ?? 20_261_123);
const PARTITIONS = 8;
const CALL_EVENTS = 50;
const GROUPS = 5;
const LATENESS_MS = 20_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Ten minutes of failing logins, and nothing at all for twenty minutes: long after the watch has had its first day. */
const STORM_HOURS_BEFORE_END = 4;
const OUTAGE_HOURS_BEFORE_END = 2;
const OUTAGE_MS = 20 * MINUTE_MS;
const KILLED = ['backend', 'feature-extractor', 'predictor'] as const;

describe('events are counted exactly once', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  const services = new Map<string, ServiceProcess>();
  let redis: Redis;
  let modelStoreUrl: string;

  beforeAll(async () => {
    const stores = await startStores('exactly-once', cleanups);
    redis = new Redis(stores.env.REDIS_URL);
    cleanups.push(async () => redis.disconnect());
    modelStoreUrl = stores.env.MODEL_STORE_URL;
    const env = {
      ...stores.env,
      PARTITIONS: String(PARTITIONS),
      WATCH_GROUPS: String(GROUPS),
      MINUTE_LATENESS_MS: String(LATENESS_MS),
    };
    for (const name of [...KILLED, 'kenning'] as const) {
      const service = await ServiceProcess.start(name, env);
      services.set(name, service);
      cleanups.push(() => service.kill());
    }
    await services.get('predictor')!.ready();
  });

  afterAll(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });

  it('while backend, extractor and predictor are killed at random', { timeout: 240_000 }, async () => {
    console.log(`EXACTLY_ONCE_SEED=${SEED}`);
    const random = new Random(SEED);
    const events = traffic(random);
    const calls = Array.from({ length: Math.ceil(events.length / CALL_EVENTS) }, (_, index) =>
      events.slice(index * CALL_EVENTS, (index + 1) * CALL_EVENTS),
    );

    let isSending = true;
    let kills = 0;
    const killing = (async () => {
      while (isSending) {
        await sleep(random.uniform(100, 900));
        const service = services.get(random.pick(KILLED))!;
        await service.kill();
        kills++;
        await sleep(random.uniform(0, 300));
        await service.start();
      }
    })();
    for (const call of calls) {
      await sendUntilTaken(services.get('backend')!, call);
      // Callers who got no answer send again; here some do although they got one.
      if (random.next() < 0.1) await sendUntilTaken(services.get('backend')!, call);
      await sleep(random.uniform(0, 160));
    }
    isSending = false;
    await killing;
    console.log(`${events.length} events in ${calls.length} calls, ${kills} kills`);
    expect(kills).toBeGreaterThan(10);

    const expected = offlineFold(events);
    await everythingIsArchived(services.get('backend')!);
    // A clean stop writes the snapshots that are still due.
    expect(await services.get('feature-extractor')!.stop()).toBe(0);

    await expectSameStates(expected, redis, PARTITIONS);
    await expectSameVectors(expected, modelStoreUrl);

    const series = offlineSeries(events, { partitions: PARTITIONS, latenessMs: LATENESS_MS, groups: GROUPS });
    expect(series.anomalies.length).toBeGreaterThan(0);
    await services.get('feature-extractor')!.start();
    await until('the series are watched to the end', () => isWatchedToTheEnd(series, redis));
    await expectSameSeries(series, redis);
    console.log(
      `${series.minutes.length} minutes of ${series.standings.length} series, ${series.anomalies.length} anomalies of them`,
    );
  });
});

/** A day and a half of a small platform with a probe that looks at it every minute, in the order of time. */
function traffic(random: Random): Event[] {
  const endMs = Date.now() - 5 * MINUTE_MS;
  const startMs = endMs - 36 * HOUR_MS;
  const normal: Event[] = [...normalTraffic({ seed: random.uint32(), startMs, endMs, users: 66 })];
  for (let ts = startMs; ts < endMs; ts += MINUTE_MS) normal.push(probe(ts));
  const outageMs = endMs - OUTAGE_HOURS_BEFORE_END * HOUR_MS;
  const events: Event[] = normal.filter(({ ts }) => Number(ts) < outageMs || Number(ts) >= outageMs + OUTAGE_MS);
  const stormMs = endMs - STORM_HOURS_BEFORE_END * HOUR_MS;
  for (let index = 0; index < 600; index++) {
    const ts = Math.floor(random.uniform(stormMs, stormMs + 10 * MINUTE_MS));
    const user = `ip:192.0.2.${random.int(9)}`;
    events.push({ kind: 'login', ts, user, ip: '192.0.2.1', success: false, id: `storm-${index}` });
  }
  return events.sort((left, right) => Number(left.ts) - Number(right.ts));
}

const probe = (ts: number): Event => ({
  kind: 'request',
  ts,
  user: 'ip:192.0.2.99',
  ip: '192.0.2.99',
  method: 'GET',
  route: '/health',
  status: 200,
  durationMs: 1,
  id: `probe-${ts}`,
});
