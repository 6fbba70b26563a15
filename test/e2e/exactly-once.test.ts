import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readTrainingRows } from '@liminal/kenning/archive/archive-reader';
import { openModelStore } from '@liminal/shared/adapters/model-store';
import type { Event } from '@liminal/shared/contracts/event';
import { toEventRow } from '@liminal/shared/contracts/event-batch';
import { FEATURE_COUNT, type FeatureVector, PREDICTED_USER_LOAD } from '@liminal/shared/contracts/feature-vector';
import { stateKey } from '@liminal/shared/contracts/keys';
import { partitionOf } from '@liminal/shared/contracts/partition';
import { foldEvent } from '@liminal/shared/features/fold';
import { ewmaForecast } from '@liminal/shared/features/load-forecast';
import { UserState } from '@liminal/shared/features/user-state';
import { decodeSnapshot, encodeSnapshot } from '@liminal/shared/features/user-state-codec';
import { featureValues } from '@liminal/shared/features/vector';
import { Random } from '@liminal/shared/runtime/random';
import { startTestRedis } from '@liminal/shared/testing/redis';
import { normalTraffic } from '@liminal/simulator/traffic';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServiceProcess, until } from './service-process.ts';

const SEED = Number(process.env.EXACTLY_ONCE_SEED ?? 20_261_123);
const PARTITIONS = 8;
const CALL_EVENTS = 50;
const KILLED = ['backend', 'feature-extractor', 'predictor'] as const;

/** What the services must come to, computed offline from the events in the order in which they were accepted. */
function offlineFold(events: readonly Event[]) {
  const states = new Map<string, UserState>();
  const vectors: FeatureVector[] = [];
  for (const event of events) {
    const state = states.get(event.user) ?? new UserState();
    states.set(event.user, state);
    if (!foldEvent(state, toEventRow(event))) continue;
    const values = featureValues(state);
    values[PREDICTED_USER_LOAD] = ewmaForecast(values.subarray(FEATURE_COUNT));
    vectors.push({ user: event.user, ts: state.lastTs, seq: state.seq, values });
  }
  return { states, vectors };
}

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

  /** Sends a call until it is answered 202, however often the backend dies in between. */
  async function send(events: readonly Event[]): Promise<void> {
    const body = JSON.stringify(events);
    for (;;) {
      try {
        const url = `${services.get('backend')!.url}/events`;
        const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
        const answer = await response.text();
        if (response.status === 202) return;
        if (response.status !== 503) throw new Error(`unexpected answer ${response.status}: ${answer}`);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
      }
      await sleep(20);
    }
  }

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
      await send(call);
      // Callers who got no answer send again; here some do although they got one.
      if (random.next() < 0.1) await send(call);
      await sleep(random.uniform(0, 160));
    }
    isSending = false;
    await killing;
    console.log(`${events.length} events in ${calls.length} calls, ${kills} kills`);
    expect(kills).toBeGreaterThan(10);

    const expected = offlineFold(events);
    await until('all events are folded, scored and archived', async () => {
      const response = await fetch(`${services.get('backend')!.url}/ml/metrics`);
      const summary = (await response.json()) as Record<'events' | 'vectors' | 'predictions', { lag: number }>;
      return summary.events.lag === 0 && summary.vectors.lag === 0 && summary.predictions.lag === 0;
    });
    // A clean stop writes the snapshots that are still due.
    expect(await services.get('feature-extractor')!.stop()).toBe(0);

    let different = 0;
    for (const [user, state] of expected.states) {
      const bytes = await redis.getBuffer(stateKey(partitionOf(user, PARTITIONS), user));
      const found = decodeSnapshot(bytes!);
      const wanted = encodeSnapshot({ appliedId: found.appliedId, state });
      if (!wanted.equals(encodeSnapshot(found))) different++;
    }
    expect(different, 'user states that differ from the offline fold').toBe(0);

    const store = openModelStore(modelStoreUrl);
    const archived = await readTrainingRows(store, { maxRows: 1_000_000, log: console, loadHistory: true });
    expect(archived.duplicates, 'predictions archived twice').toBe(0);
    expect(archived.rows).toBe(expected.vectors.length);
    const byIdentity = new Map(expected.vectors.map((vector) => [`${vector.user}/${vector.seq}`, vector]));
    for (let row = 0; row < archived.rows; row++) {
      const vector = byIdentity.get(`${archived.users[row]}/${archived.seqs[row]}`);
      const features = archived.features.subarray(row * FEATURE_COUNT, (row + 1) * FEATURE_COUNT);
      if (!Buffer.from(features.slice().buffer).equals(Buffer.from(vector!.values.slice(0, FEATURE_COUNT).buffer))) {
        different++;
      }
    }
    expect(different, 'archived vectors that differ from the offline fold').toBe(0);
  });
});
