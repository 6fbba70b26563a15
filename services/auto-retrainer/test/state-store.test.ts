import { setTimeout as sleep } from 'node:timers/promises';
import { LeaseLostError } from '@liminal/shared/adapters/stream-worker';
import type { StoredDrift } from '@liminal/shared/contracts/drift-report';
import { driftReportKey } from '@liminal/shared/contracts/keys';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { emptyState, type RetrainerState } from '../src/state/retrainer-state.ts';
import { StateStore } from '../src/state/state-store.ts';

const LEASE_MS = 1_000;
const drift = (at: number): StoredDrift => ({ at, freshForMs: 1, drift: null });

describe('the state of the auto-retrainer', () => {
  let server: TestRedis;
  let redis: Redis;
  const replica = (instanceId: string): StateStore => new StateStore({ redis, instanceId, leaseMs: LEASE_MS });

  beforeAll(async () => {
    server = await startTestRedis();
    redis = new Redis(server.url);
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });
  beforeEach(() => redis.flushall());

  it('is led by one replica at a time, and by the next when that one leaves', async () => {
    const [first, second] = [replica('a'), replica('b')];
    expect(await first.lead()).toEqual({ leads: true, isNew: true });
    expect(await second.lead()).toEqual({ leads: false, isNew: false });
    expect(await first.lead()).toEqual({ leads: true, isNew: false });
    await first.leave();
    expect(await second.lead()).toEqual({ leads: true, isNew: true });
    expect(await first.lead()).toEqual({ leads: false, isNew: false });
  });

  it('is written by the newest leader alone, whatever an earlier one believes', async () => {
    const [first, second] = [replica('a'), replica('b')];
    await first.lead();
    const state = await first.read();
    state.paused = { by: 'a', because: 'first', at: 1 };
    await sleep(LEASE_MS + 100);
    expect(await second.lead()).toMatchObject({ leads: true });
    await second.commit({ ...emptyState(), paused: { by: 'b', because: 'second', at: 2 } }, 0, drift(2));
    await expect(first.commit(state, 0, drift(1))).rejects.toThrow(LeaseLostError);
    expect((await first.read()).paused).toMatchObject({ by: 'b' });
    expect(JSON.parse((await redis.get(driftReportKey))!)).toEqual(drift(2));
  });

  it('comes back as it was written, infinities and NaN included', async () => {
    const store = replica('a');
    await store.lead();
    const state = emptyState();
    state.cursors = { 0: '1-1', 3: '5-0' };
    state.drift = {
      release: 'r-1',
      ranks: { counts: [1, 2], total: 3 },
      martingale: {
        steps: 0,
        logCapitals: [Number.NEGATIVE_INFINITY],
        logValue: -1,
        logHighest: 0,
        rises: [{ logGain: 0, sinceTs: 0 }],
      },
      lookedAt: { ts: [1], pValues: [0.5], features: [Number.NaN, 1] },
      rounds: [{ fromTs: 0, rows: 1 }],
      newestTs: 1,
    };
    await store.commit(state, 0, drift(1));
    expect(await store.read()).toEqual(state);
  });

  it('goes on from what an earlier release of this service wrote', async () => {
    const store = replica('a');
    await store.lead();
    const { driftBefore: _, ...earlier } = emptyState();
    const paused = { by: 'ada', because: 'holiday', at: 1 };
    const watch = { release: 'r-1', users: [1], alarms: 0, rows: 1, rowsOfOthers: 0, lagMs: 0, lagBeforeMs: 0 };
    await store.commit({ ...earlier, paused, watch } as unknown as RetrainerState, 0, drift(1));
    expect(await store.read()).toEqual({ ...emptyState(), paused });
  });

  it('takes requests up in the step in which it is written', async () => {
    const store = replica('a');
    await store.lead();
    await store.ask({ kind: 'pause', by: 'ada', because: 'test', paused: true });
    await store.ask({ kind: 'rollback', by: 'ada', because: 'test' });
    const { requests, taken } = await store.requests();
    expect(requests.map(({ kind }) => kind)).toEqual(['pause', 'rollback']);
    await store.ask({ kind: 'pause', by: 'ada', because: 'later', paused: false });
    await store.commit(emptyState(), taken, drift(1));
    expect((await store.requests()).requests).toMatchObject([{ kind: 'pause', because: 'later' }]);
  });

  it('leaves out requests that it can not read, and forgets them', async () => {
    const store = replica('a');
    await store.lead();
    await redis.rpush('retrainer:requests', '{"kind":"dance"}');
    expect(await store.requests()).toEqual({ requests: [], taken: 1 });
  });
});
