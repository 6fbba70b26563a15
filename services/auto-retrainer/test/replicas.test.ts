import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ModelStore, openModelStore } from '@liminal/shared/adapters/model-store';
import { openReleasesQueue } from '@liminal/shared/adapters/releases-queue';
import { openTrainingQueue, type TrainingQueue } from '@liminal/shared/adapters/training-queue';
import { releaseKeys } from '@liminal/shared/contracts/release';
import { trainingKeys } from '@liminal/shared/contracts/training-rows';
import { canonicalJsonBytes } from '@liminal/shared/release/canonical-json';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { startTestService, type TestService } from '@liminal/shared/testing/start-service';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ReleaseRegistry } from '../../kenning/src/registry/release-registry.ts';
import { releaseDraft } from '../../kenning/test/release-draft.ts';
import { service } from '../src/app.ts';

const LEASE_MS = 1_000;
const { privateKey, publicKey } = generateKeyPairSync('ed25519');

interface PolicyAnswer {
  last: { leads: boolean; decision: { action: string; reason: string } } | null;
  rollout: { id: string; phase: string } | null;
  paused: { by: string } | null;
}

describe('replicas of the auto-retrainer', () => {
  let directory: string;
  let server: TestRedis;
  let redis: Redis;
  let store: ModelStore;
  let queue: TrainingQueue;
  let registry: ReleaseRegistry;
  let replicas: TestService[];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'liminal-replicas-'));
    server = await startTestRedis();
    redis = new Redis(server.url);
    queue = openTrainingQueue(redis);
    store = openModelStore(`file:${directory}/models`);
    await writeFile(join(directory, 'public.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
    registry = new ReleaseRegistry({ store, signingKey: privateKey, clock: Date.now, log: { warn: () => {} } });
    replicas = [];
  });
  afterEach(async () => {
    for (const replica of replicas) await replica.stop();
    await queue.close();
    redis.disconnect();
    await server.stop();
    store.close();
    await rm(directory, { recursive: true, force: true });
  });

  /** What serves, and what is archived. */
  async function publish(provisional: boolean): Promise<string> {
    const { id } = await registry.publish(releaseDraft(Math.floor(performance.now()), { provisional }));
    await registry.promote(id, 'test', 'test');
    const updatedAt = new Date().toISOString();
    const summary = { rows: 600, users: 30, usersExact: true, fromTs: 0, toTs: 1, parts: 1, updatedAt };
    await store.put(trainingKeys.summary, canonicalJsonBytes(summary));
    return id;
  }

  async function start(instanceId: string): Promise<TestService> {
    const replica = await startTestService(service, {
      REDIS_URL: server.url,
      INSTANCE_ID: instanceId,
      LEASE_MS: String(LEASE_MS),
      POLICY_EVERY_MS: '100',
      MODEL_STORE_URL: `file:${directory}/models`,
      RELEASE_PUBLIC_KEY_FILE: join(directory, 'public.pem'),
    });
    replicas.push(replica);
    return replica;
  }

  const policyOf = async ({ url }: TestService): Promise<PolicyAnswer> =>
    (await (await fetch(`${url}/policy`)).json()) as PolicyAnswer;
  const post = async ({ url }: TestService, path: string, body: object): Promise<Response> =>
    fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

  async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + 10_000;
    while (!(await condition())) {
      if (performance.now() > deadline) throw new Error(`gave up waiting until ${what}`);
      await sleep(50);
    }
  }

  it('ask for one training, and go on with it when the one that asked is gone', async () => {
    await publish(true);
    const [first, second] = [await start('a'), await start('b')];
    await until('a training is asked for', async () => (await queue.getJobCountByTypes('waiting')) > 0);
    await sleep(500);
    expect(await queue.getJobCountByTypes('waiting')).toBe(1);
    const { rollout } = await policyOf(first);
    const leaders = (await Promise.all([first, second].map(policyOf))).filter(({ last }) => last?.leads);
    expect(leaders).toHaveLength(1);
    await replicas.shift()!.stop();
    await until('the other leads', async () => (await policyOf(second)).last?.leads ?? false);
    expect((await policyOf(second)).rollout).toMatchObject({ id: rollout!.id, phase: 'training' });
    await sleep(300);
    expect(await queue.getJobCountByTypes('waiting')).toBe(1);
  });

  it('take up what is asked of any of them', async () => {
    await publish(false);
    const [first, second] = [await start('a'), await start('b')];
    expect((await post(second, '/pause', { by: 'ada', because: 'holiday' })).status).toBe(202);
    await until('it is paused', async () => (await policyOf(first)).paused?.by === 'ada');
    expect((await policyOf(first)).last?.decision.reason).toBe('paused');
    expect((await post(second, '/retrain', { by: 'ada' })).status).toBe(202);
    await until('a training is asked for', async () => (await queue.getJobCountByTypes('waiting')) > 0);
    const [job] = await queue.getWaiting();
    expect(job!.data).toMatchObject({ reason: 'manual', requestedBy: 'ada', promote: false, holdOutShare: 0.2 });
  });

  it('refuse a way back that leads nowhere', async () => {
    const id = await publish(false);
    const replica = await start('a');
    for (const [body, reason] of [
      [{}, /nothing served before/],
      [{ to: id }, /serves already/],
      [{ to: 'r-20260101T000000-00000000' }, /never served/],
    ] as const) {
      const answer = await post(replica, '/rollback', body);
      expect(answer.status).toBe(409);
      expect(await answer.text()).toMatch(reason);
    }
    expect((await post(replica, '/retrain', { sinceTs: 2, untilTs: 1 })).status).toBe(400);
  });

  it('refuse the way back to what was taken back just before', async () => {
    const first = await publish(false);
    const { id: second } = await registry.publish(releaseDraft(7, { provisional: false }));
    await registry.promote(second, 'test', 'test');
    const back = {
      pointer: 'production',
      action: 'rollback',
      release: first,
      reason: 'noisy',
      requestedBy: 'test',
    } as const;
    await registry.move(back);
    const replica = await start('a');
    const answer = await post(replica, '/rollback', { by: 'ada' });
    expect(answer.status).toBe(409);
    expect(await answer.text()).toContain(`${second} was taken back`);
    expect((await post(replica, '/rollback', { by: 'ada', to: second })).status).toBe(202);
  });

  it('go back from a release that can not be verified', async () => {
    const first = await publish(false);
    const { id: second } = await registry.publish(releaseDraft(7, { provisional: false }));
    await registry.promote(second, 'test', 'test');
    const replica = await start('a');
    await store.put(releaseKeys.signature(second), Buffer.from('nonsense'));
    await until('it is seen', async () => /signature/.test(await (await fetch(`${replica.url}/ready`)).text()));
    expect((await post(replica, '/rollback', { by: 'ada' })).status).toBe(202);
    const releases = openReleasesQueue(redis);
    try {
      await until('it is asked for', async () => (await releases.getJobCountByTypes('waiting')) > 0);
      const [job] = await releases.getWaiting();
      expect(job!.data).toMatchObject({ pointer: 'production', action: 'rollback', release: first });
    } finally {
      await releases.close();
    }
    expect(await queue.getJobCountByTypes('waiting')).toBe(0);
  });
});
