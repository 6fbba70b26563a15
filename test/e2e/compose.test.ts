import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ModelStore, openModelStore } from '@liminal/shared/adapters/model-store';
import { Random } from '@liminal/shared/runtime/random';
import { DEFAULT_PASSWORD } from '@liminal/shared/runtime/secrets';
import { normalTraffic } from '@liminal/simulator/traffic';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ComposeSuite, findCompose } from './compose-suite.ts';
import { expectSameStates, expectSameVectors, offlineFold } from './offline-fold.ts';
import { everythingIsArchived, sendUntilTaken, until } from './service-process.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const PARTITIONS = 8;
const CALL_EVENTS = 200;
const MAX_IMAGE_BYTES = 350_000_000;
const SERVICES = ['backend', 'feature-extractor', 'predictor', 'kenning', 'auto-retrainer'] as const;

const available = await findCompose();
if ('reason' in available) console.warn(`NOT TESTED: the suite under Compose, since ${available.reason}`);
else if (available.leftOut.length > 0) console.warn(`NOT TESTED: ${available.leftOut.join(', ')} (no image to be had)`);

const anomaliesSchema = z.object({ anomalies: z.array(z.object({ id: z.string() })) });
const releasesSchema = z.object({ production: z.string().nullable() }).loose();

describe.skipIf('reason' in available)('the suite under Compose', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  // Of one password everybody knows what it is; the other is as awkward as they come.
  const minioPassword = `${randomBytes(12).toString('hex')}@:/?#%41`;
  let suite: ComposeSuite;
  let redis: Redis;
  let store: ModelStore;
  let directory: string;

  const connect = (): void => {
    redis?.disconnect();
    redis = new Redis({ port: suite.port('redis'), password: DEFAULT_PASSWORD });
    // It goes and comes back with the suite.
    redis.on('error', () => {});
    store = openModelStore(`s3://127.0.0.1:${suite.port('minio')}/liminal-models`, {
      accessKey: 'liminal',
      secretKey: minioPassword,
    });
  };
  const ask = async (url: string, body?: unknown): Promise<unknown> => {
    const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(url, body === undefined ? {} : post);
    expect(response.status, `${url}: ${await response.clone().text()}`).toBe(200);
    return response.json();
  };
  const anomalies = async (): Promise<string[]> =>
    anomaliesSchema.parse(await ask(`${suite.url('backend')}/ml/anomalies?limit=100`)).anomalies.map(({ id }) => id);
  const production = async (): Promise<string | null> =>
    releasesSchema.parse(await ask(`${suite.url('kenning')}/releases`)).production;
  const predicts = (): Promise<void> =>
    until('there is a release', async () => (await fetch(`${suite.url('predictor')}/ready`)).ok, 120_000);

  beforeAll(async () => {
    if ('reason' in available) return;
    directory = await mkdtemp(join(tmpdir(), 'liminal-compose-'));
    cleanups.push(() => rm(directory, { recursive: true, force: true }));
    suite = await ComposeSuite.prepare(available, {
      PARTITIONS: String(PARTITIONS),
      MINIO_ROOT_PASSWORD: minioPassword,
      DEMO_USERS: '100',
      DEMO_HOURS: '3',
    });
    cleanups.push(() => suite.compose('--profile', 'demo', 'down', '-v', '--remove-orphans'));
    const started = performance.now();
    await suite.compose('build');
    console.log(`built in ${((performance.now() - started) / 1_000).toFixed(0)} s`);
  }, 900_000);

  afterAll(async () => {
    redis?.disconnect();
    for (const cleanup of cleanups.reverse()) await cleanup();
  }, 120_000);

  it('comes up with everything healthy, from nothing', { timeout: 300_000 }, async () => {
    const started = performance.now();
    await suite.up();
    await suite.allHealthy(180_000);
    console.log(`all healthy after ${((performance.now() - started) / 1_000).toFixed(0)} s`);
    await predicts();
    console.log(`predicts after ${((performance.now() - started) / 1_000).toFixed(0)} s`);
    connect();
  });

  it('answers what its users ask first', async () => {
    await ask(`${suite.url('predictor')}/predict`);
    await ask(`${suite.url('predictor')}/predict`, { features: { requests_per_user: 300, ip_entropy: 3.2 } });
    expect(await ask(`${suite.url('kenning')}/health`)).toEqual({ status: 'ok' });
    expect((await fetch(`${suite.url('prometheus')}/graph`)).status).toBe(200);
    expect((await fetch(`${suite.url('alertmanager')}/-/ready`)).status).toBe(200);
    if (!suite.services.includes('grafana')) return;
    const authorization = `Basic ${Buffer.from('admin:admin').toString('base64')}`;
    const grafana = await fetch(`${suite.url('grafana')}/api/org`, { headers: { authorization } });
    expect(grafana.status).toBe(200);
  });

  it('runs its services without privileges, from small images that are the same layers', async () => {
    const layers = new Set<string>();
    for (const service of SERVICES) {
      const [container] = await suite.containers(service);
      const image = await suite.inspect(container!, '{{.Image}}');
      expect(Number(await suite.inspect(image, '{{.Size}}')), `bytes of ${service}`).toBeLessThan(MAX_IMAGE_BYTES);
      layers.add(await suite.inspect(image, '{{json .RootFS.Layers}}'));
      const inside = async (command: string): Promise<string> =>
        (await suite.docker('exec', container!, 'sh', '-c', command)).trim();
      expect(await inside('id -u')).toBe('1000');
      expect(await inside('grep -h CapEff /proc/1/status')).toMatch(/\t0+$/);
      expect(await inside('touch /app/x 2>&1 || true')).toContain('Read-only file system');
      expect(await inside('ls -d node_modules/vitest ../../node_modules/vitest 2>/dev/null || echo none')).toBe('none');
    }
    expect(layers.size, 'different sets of layers').toBe(1);
  });

  it('warns of the passwords that still have their default, and shows none', async () => {
    const logs = await suite.compose('logs');
    expect(logs).toMatch(/redis.*WARNING: REDIS_PASSWORD still has its default/);
    expect(logs).toMatch(/predictor.*"setting":"REDIS_PASSWORD".*this password still has its default/);
    expect(logs).not.toMatch(/"setting":"MODEL_STORE_SECRET_KEY"/);
    if (suite.services.includes('grafana')) {
      expect(logs).toMatch(/WARNING: GRAFANA_ADMIN_PASSWORD still has its default/);
    }
    for (const secret of [DEFAULT_PASSWORD, minioPassword, encodeURIComponent(minioPassword)]) {
      expect(logs).not.toContain(secret);
    }
    const anonymous = new Redis({ port: suite.port('redis'), retryStrategy: () => null });
    anonymous.on('error', () => {});
    await expect(anonymous.get('x')).rejects.toThrow('NOAUTH');
    anonymous.disconnect();
  });

  it('shares the work of replicas out, and loses nothing when one of each is killed', {
    timeout: 400_000,
  }, async () => {
    await suite.up('--scale', 'predictor=3', '--scale', 'feature-extractor=2');
    await suite.allHealthy(120_000);
    const held = async (metric: string): Promise<number[]> => {
      const query = encodeURIComponent(`sum by (instance) (${metric})`);
      const answer = z
        .object({ data: z.object({ result: z.array(z.object({ value: z.tuple([z.number(), z.string()]) })) }) })
        .parse(await ask(`${suite.url('prometheus')}/api/v1/query?query=${query}`));
      return answer.data.result.map(({ value }) => Number(value[1]));
    };
    const shares = async (): Promise<boolean> => {
      const predictors = await held('liminal_predictor_partitions');
      const extractors = await held('liminal_extractor_partitions');
      const all = (found: number[], replicas: number): boolean =>
        found.length === replicas && Math.min(...found) > 0 && found.reduce((sum, count) => sum + count) === PARTITIONS;
      return all(predictors, 3) && all(extractors, 2);
    };
    await until('each replica holds partitions, as Prometheus sees it', shares, 90_000);

    const random = new Random(7);
    const endMs = Date.now() - 5 * MINUTE_MS;
    const events = [...normalTraffic({ seed: random.uint32(), startMs: endMs - 24 * HOUR_MS, endMs, users: 100 })];
    const backend = { url: suite.url('backend') };
    const calls = Math.ceil(events.length / CALL_EVENTS);
    const killAt = new Map([
      [Math.floor(calls / 3), 'feature-extractor'],
      [Math.floor((2 * calls) / 3), 'predictor'],
    ]);
    for (let call = 0; call < calls; call++) {
      const victim = killAt.get(call);
      if (victim !== undefined) await suite.docker('kill', (await suite.containers(victim))[0]!);
      await sendUntilTaken(backend, events.slice(call * CALL_EVENTS, (call + 1) * CALL_EVENTS));
    }
    await everythingIsArchived(backend, 120_000);
    const expected = offlineFold(events);
    console.log(`${events.length} events gave ${expected.vectors.length} vectors, all of them scored and archived`);
    await expectSameVectors(expected, store);
    // A clean stop writes the states that are still due.
    await suite.compose('stop', 'feature-extractor');
    await expectSameStates(expected, redis, PARTITIONS);
  });

  it('finds anomalies in what its simulator sends', { timeout: 300_000 }, async () => {
    await suite.up();
    await suite.compose('--profile', 'demo', 'up', '-d', 'simulator');
    await until('there are anomalies of simulated users', async () => (await anomalies()).length > 0, 240_000);
    await suite.compose('--profile', 'demo', 'stop', 'simulator');
    await everythingIsArchived({ url: suite.url('backend') }, 120_000);
  });

  it('keeps data and models over down and up', { timeout: 300_000 }, async () => {
    const before = [await anomalies(), await production()];
    await suite.compose('--profile', 'demo', 'down');
    await suite.up();
    await suite.allHealthy(120_000);
    await predicts();
    expect([await anomalies(), await production()]).toEqual(before);
  });

  it('has data and models again from a backup, after all was lost', { timeout: 400_000 }, async () => {
    const before = [await anomalies(), await production()];
    const [user] = await redis.keys('state:*');
    const state = await redis.getBuffer(user!);
    const file = join(directory, 'backup.tar.gz');
    await suite.script('deploy/backup.sh', file);

    // Where there is data, only those who ask for it lose it.
    await expect(suite.script('deploy/restore.sh', file, ...suite.services)).rejects.toThrow('there is data already');
    expect(await anomalies()).toEqual(before[0]);

    await suite.compose('down', '-v');
    await suite.script('deploy/restore.sh', file, ...suite.services);
    await suite.allHealthy(120_000);
    await predicts();
    connect();
    expect([await anomalies(), await production()]).toEqual(before);
    expect(await redis.getBuffer(user!)).toEqual(state);

    // It goes on from there, and is as durable as before.
    const event = { kind: 'login', ts: Date.now(), user: 'after-the-restore', ip: '192.0.2.7', success: true } as const;
    await sendUntilTaken({ url: suite.url('backend') }, [event]);
    const isPredicted = async (): Promise<boolean> =>
      (await fetch(`${suite.url('predictor')}/predict/after-the-restore`)).ok;
    await until('the user is predicted', isPredicted);
    await sleep(1_500);
    await suite.docker('kill', (await suite.containers('redis'))[0]!);
    await suite.up();
    await suite.allHealthy(120_000);
    await until('the user is still predicted', isPredicted);
  });

  it('refuses what is no backup, and touches nothing', { timeout: 60_000 }, async () => {
    const file = join(directory, 'damaged.tar.gz');
    await suite.script('deploy/backup.sh', file);
    await truncate(file, Math.floor((await stat(file)).size / 2));
    await expect(suite.script('deploy/restore.sh', '--replace', file)).rejects.toThrow('nothing was touched');
    expect((await fetch(`${suite.url('predictor')}/predict/after-the-restore`)).ok).toBe(true);
  });
});
