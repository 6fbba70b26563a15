import { openReleasesQueue, type ReleasesQueue } from '@liminal/shared/adapters/releases-queue';
import { openTrainingQueue, type TrainingQueue } from '@liminal/shared/adapters/training-queue';
import { queuePrefix, releasesQueue } from '@liminal/shared/contracts/keys';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { UnrecoverableError, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { RolloutJobs } from '../src/handlers/rollout-jobs.ts';
import { newRollback, newRollout, type Rollout } from '../src/rollout/rollout.ts';

const [OLD, NEXT, OTHER] = ['r-20260101T000000-00000000', 'r-20260102T000000-11111111', 'r-20260103T000000-22222222'];

let server: TestRedis;
let redis: Redis;
let releases: ReleasesQueue;
let training: TrainingQueue;
let jobs: RolloutJobs;

beforeAll(async () => {
  server = await startTestRedis();
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
  releases = openReleasesQueue(redis);
  training = openTrainingQueue(redis);
  jobs = new RolloutJobs({ training, releases, anomalyAlertRate: 0.01, holdOutShare: 0.2 });
});
afterAll(async () => {
  await releases.close();
  await training.close();
  redis.disconnect();
  await server.stop();
});
beforeEach(() => redis.flushall());

const rollout = (change: Partial<Rollout>): Rollout => ({
  ...newRollout(
    { id: 'age-1', reason: 'age', because: 'old', requestedBy: 'test', rows: {}, skips: 'nothing', champion: OLD! },
    0,
  ),
  challenger: NEXT!,
  ...change,
});

/** Works the queue until `done` holds. Jobs are not tried again by themselves here. */
async function work(answer: () => Promise<object>, done: () => Promise<void>): Promise<void> {
  const worker = new Worker(releasesQueue, answer, { connection: redis.duplicate(), prefix: queuePrefix });
  try {
    await vi.waitFor(done, 10_000);
  } finally {
    await worker.close();
  }
}

/** As if all attempts had been made: they take minutes. */
async function giveUpSoon(): Promise<void> {
  for (const job of await releases.getJobs()) {
    await redis.hset(releases.toKey(job.id!), 'opts', JSON.stringify({ ...job.opts, attempts: 1, backoff: undefined }));
  }
}

const storeAway = () => Promise.reject(new Error('the store is away'));
const isFailed = async () => expect(await releases.getJobCountByTypes('failed')).toBe(1);

describe('what a rollout has kenning do', () => {
  it.each(['rolling-back', 'clearing'] as const)('is asked for again while it fails: %s', async (phase) => {
    const going = rollout({ phase, outcome: phase === 'clearing' ? 'refused' : null });
    await jobs.ensure(going, OTHER!);
    await giveUpSoon();
    await work(storeAway, isFailed);
    expect(await jobs.facts(going, OTHER!)).toEqual({ move: { state: 'pending' } });
    await jobs.ensure(going, OTHER!);
    const result = { moved: true, pointer: null };
    await work(
      async () => result,
      async () => expect(await jobs.facts(going, OTHER!)).toEqual({ move: { state: 'done', result } }),
    );
  });

  it('is not asked for again where a release is not whole', async () => {
    const going = rollout({ phase: 'rolling-back' });
    await jobs.ensure(going, NEXT!);
    await work(() => Promise.reject(new UnrecoverableError('no signature')), isFailed);
    expect(await jobs.facts(going, NEXT!)).toEqual({ move: { state: 'failed', error: 'no signature' } });
    await jobs.ensure(going, NEXT!);
    expect(await releases.getJobCountByTypes('waiting')).toBe(0);
  });

  it('ends where a promotion fails', async () => {
    const going = rollout({ phase: 'promoting' });
    await jobs.ensure(going, OLD!);
    await giveUpSoon();
    await work(storeAway, isFailed);
    expect(await jobs.facts(going, OLD!)).toEqual({ move: { state: 'failed', error: 'the store is away' } });
  });

  it('goes back from whatever serves by then when a person asks, otherwise from the challenger alone', async () => {
    const asked = newRollback({ id: 'rollback-1', because: 'no', requestedBy: 'ada', from: NEXT!, to: OLD! }, 0);
    await jobs.ensure(asked, NEXT!);
    await jobs.ensure(rollout({ phase: 'rolling-back' }), NEXT!);
    const data = (await releases.getJobs())
      .map((job) => job.data)
      .sort((left) => (left.expected === undefined ? -1 : 1));
    expect(data[0]).toMatchObject({ release: OLD, action: 'rollback' });
    expect(data[0]).not.toHaveProperty('expected');
    expect(data[1]).toMatchObject({ release: OLD, action: 'rollback', expected: NEXT });
  });

  it('clears the shadow by what serves, whoever has moved that meanwhile', async () => {
    const going = rollout({ phase: 'clearing', outcome: 'dropped' });
    await jobs.ensure(going, OLD!);
    await jobs.ensure(going, OLD!);
    await jobs.ensure(going, OTHER!);
    expect((await releases.getJobs()).map((job) => job.data.release).sort()).toEqual([OLD, OTHER]);
  });

  it('compares a release that was forced through while it is watched', async () => {
    const watched = rollout({ phase: 'watching', holdOut: { rows: 5, fromTs: 1, toTs: 2 } });
    await jobs.ensure(watched, NEXT!);
    expect(await training.getJobCountByTypes('waiting')).toBe(0);
    await jobs.ensure({ ...watched, skips: 'gate and shadow' }, NEXT!);
    const [job] = await training.getWaiting();
    expect(job!.data).toMatchObject({ challenger: NEXT, champion: OLD, holdOut: { fromTs: 1 } });
  });
});
