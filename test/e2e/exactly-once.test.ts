import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '@liminal/shared/runtime/random';
import { startTestRedis } from '@liminal/shared/testing/redis';
import { normalTraffic } from '@liminal/simulator/traffic';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectSameStates, expectSameVectors, offlineFold } from './offline-fold.ts';
import { everythingIsArchived, ServiceProcess, sendUntilTaken } from './service-process.ts';

const SEED = Number(process.env.EXACTLY_ONCE_SEED ?? 20_261_123);
const PARTITIONS = 8;
const CALL_EVENTS = 50;
const KILLED = ['backend', 'feature-extractor', 'predictor'] as const;

describe('events are counted exactly once', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  const services = new Map<string, ServiceProcess>();
  let redis: Redis;
  let modelStoreUrl: string;

  beforeAll(async () => {
    const directory = await mkdtemp(join(tmpdir(), 'liminal-exactly-once-'));
    cleanups.push(() => rm(directory, { recursive: true, force: true }));
    const server = await startTestRedis();
    cleanups.push(() => server.stop());
    redis = new Redis(server.url);
    cleanups.push(async () => redis.disconnect());
    modelStoreUrl = `file:${join(directory, 'models')}`;
    const env = {
      REDIS_URL: server.url,
      PARTITIONS: String(PARTITIONS),
      MODEL_STORE_URL: modelStoreUrl,
      RELEASE_SIGNING_KEY_FILE: join(directory, 'private.pem'),
      RELEASE_PUBLIC_KEY_FILE: join(directory, 'public.pem'),
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
    const endMs = Date.now() - 60_000;
    const traffic = normalTraffic({ seed: random.uint32(), startMs: endMs - 12 * 3_600_000, endMs, users: 250 });
    const events = [...traffic].slice(-20_000);
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
  });
});
