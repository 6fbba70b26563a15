import { setTimeout as sleep } from 'node:timers/promises';
import { leaseKey, type ReaderGroup } from '@liminal/shared/contracts/keys';
import { Random } from '@liminal/shared/runtime/random';
import { normalTraffic } from '@liminal/simulator/traffic';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectSameStates, expectSameVectors, offlineFold } from './offline-fold.ts';
import { expectSameSeries, isWatchedToTheEnd, offlineSeries } from './offline-series.ts';
import { everythingIsArchived, ServiceProcess, sendUntilTaken, until } from './service-process.ts';
import { startStores } from './stores.ts';

const SEED = Number(process.env.HAND_OVER_SEED ?? 20_261_125);
const PARTITIONS = 6;
const LEASE_MS = 1_000;
const CALL_EVENTS = 40;
const EVENTS = 10_000;
/** Kills and frozen owners, in turn. */
const BLOWS = 10;

describe('partitions go from one owner to the next', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  let backend: ServiceProcess;
  let replicas: { service: ServiceProcess; instance: string }[];
  let redis: Redis;
  let modelStoreUrl: string;

  beforeAll(async () => {
    const stores = await startStores('hand-over', cleanups);
    redis = new Redis(stores.env.REDIS_URL);
    cleanups.push(async () => redis.disconnect());
    modelStoreUrl = stores.env.MODEL_STORE_URL;
    const env = {
      ...stores.env,
      PARTITIONS: String(PARTITIONS),
      LEASE_MS: String(LEASE_MS),
      ARCHIVE_FLUSH_MS: '500',
    };
    const names = ['backend', 'kenning', 'feature-extractor', 'feature-extractor', 'predictor', 'predictor'] as const;
    const services = await Promise.all(
      names.map((name, index) => ServiceProcess.start(name, { ...env, INSTANCE_ID: `${name}-${index}` })),
    );
    for (const service of services) cleanups.push(() => service.kill());
    backend = services[0]!;
    replicas = services.slice(2).map((service, index) => ({ service, instance: `${names[index + 2]}-${index + 2}` }));
    for (const { service } of replicas) await service.ready();
  });

  afterAll(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });

  /** Who holds each partition. */
  const ownersOf = (group: ReaderGroup): Promise<(string | null)[]> =>
    redis.mget(Array.from({ length: PARTITIONS }, (_, partition) => leaseKey(group, partition)));

  const heldBy = async (group: ReaderGroup, instance: string): Promise<number[]> =>
    (await ownersOf(group)).flatMap((owner, partition) => (owner === instance ? [partition] : []));

  it('killed or frozen past its lease, without an event missing or twice', { timeout: 120_000 }, async () => {
    console.log(`HAND_OVER_SEED=${SEED}`);
    const random = new Random(SEED);
    const endMs = Date.now() - 60_000;
    const traffic = normalTraffic({ seed: random.uint32(), startMs: endMs - 12 * 3_600_000, endMs, users: 250 });
    const events = [...traffic].slice(-EVENTS);
    expect(events).toHaveLength(EVENTS);

    let isSending = true;
    let calls = 0;
    const sending = (async () => {
      for (let from = 0; from < events.length; from += CALL_EVENTS) {
        await sendUntilTaken(backend, events.slice(from, from + CALL_EVENTS));
        calls++;
        // Something is on its way the whole time: at the end without a pause.
        if (isSending) await sleep(random.uniform(40, 160));
      }
    })();

    let fenced = 0;
    for (let blow = 0; blow < BLOWS; blow++) {
      await sleep(random.uniform(200, 600));
      const { service, instance } = random.pick(replicas);
      const group = service.name as ReaderGroup;
      await until(`${instance} holds partitions`, async () => (await heldBy(group, instance)).length > 0);
      if (blow % 2 === 0) {
        await service.kill();
        await sleep(random.uniform(0, 300));
        await service.start();
        continue;
      }
      const held = await heldBy(group, instance);
      service.freeze();
      await until('others have taken over', async () => {
        const owners = await ownersOf(group);
        return held.every((partition) => owners[partition] !== null && owners[partition] !== instance);
      });
      await sleep(random.uniform(0, 300));
      const saidSince = service.outputFromHere();
      service.thaw();
      // Whatever it had read is void, and it notices.
      await until('the frozen owner is fenced', async () => /"reason":"lost"/.test(saidSince()));
      fenced++;
    }
    isSending = false;
    await sending;
    console.log(`${events.length} events in ${calls} calls, ${BLOWS - fenced} kills, ${fenced} frozen owners fenced`);
    expect(fenced).toBe(BLOWS / 2);

    const expected = offlineFold(events);
    await everythingIsArchived(backend);
    const series = offlineSeries(events, { partitions: PARTITIONS, latenessMs: 30_000, groups: 20 });
    await until('the series are watched to the end', () => isWatchedToTheEnd(series, redis));
    await expectSameSeries(series, redis);
    // A clean stop writes the snapshots that are still due.
    for (const { service } of replicas) expect(await service.stop()).toBe(0);
    await expectSameStates(expected, redis, PARTITIONS);
    await expectSameVectors(expected, modelStoreUrl);
  });
});
