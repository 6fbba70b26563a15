import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive } from '@liminal/shared/adapters/process-lock';
import { freePort } from '@liminal/shared/testing/redis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadConfig, type SuiteSettings } from '../src/suite/config.ts';
import type { Reporter } from '../src/suite/reporter.ts';
import { SERVICE_NAMES, SERVICES } from '../src/suite/services.ts';
import { type Suite, startSuite } from '../src/suite/suite.ts';

/** For what starts services: some 10 s, and many times that on a busy machine. */
const START_TIMEOUT_MS = 150_000;

const said: string[] = [];
const reporter: Reporter = { say: (message) => said.push(message), status: () => undefined };
const never = new AbortController().signal;
let home: string;
let settings: SuiteSettings;
let suite: Suite;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'liminal-suite-'));
  const env: NodeJS.ProcessEnv = { ...process.env, LIMINAL_HOME: home, REDIS_PORT: String(await freePort()) };
  for (const name of SERVICE_NAMES) env[SERVICES[name].portSetting] = String(await freePort());
  const config = loadConfig(env, []);
  if (config === 'help') throw new Error('only help');
  settings = config.suite;
  suite = await startSuite(settings, reporter, never);
}, START_TIMEOUT_MS);

afterAll(async () => {
  await suite.stop();
  await rm(home, { recursive: true, force: true });
});

const production = async (): Promise<string | null> => {
  const response = await fetch(`${suite.urls.kenning}/releases`);
  return ((await response.json()) as { production: string | null }).production;
};

describe('the suite as processes of this machine', () => {
  it('has every service ready once it is started', async () => {
    for (const name of SERVICE_NAMES) expect((await fetch(`${suite.urls[name]}/ready`)).status, name).toBe(200);
    expect(await production()).toMatch(/^r-/);
  });

  it('refuses a second suite on the same data in one sentence', async () => {
    await expect(startSuite(settings, reporter, never)).rejects.toThrow(
      `another suite (process ${process.pid}) keeps its data in ${home}: stop it, or give this one`,
    );
  });

  it('refuses ports that another suite has, before it starts anything', { timeout: START_TIMEOUT_MS }, async () => {
    const other = { ...settings, home: join(home, 'other') };
    await expect(startSuite(other, reporter, never)).rejects.toThrow(
      `port ${settings.ports.kenning}, which kenning needs, is taken by`,
    );
    await expect(startSuite({ ...other, ports: await freePorts() }, reporter, never)).rejects.toThrow(
      `port ${settings.redisPort}, which Redis needs, is taken by`,
    );
  });

  it('gives up in one sentence when a service refuses its settings', { timeout: START_TIMEOUT_MS }, async () => {
    const other = { ...settings, home: join(home, 'bad'), redisPort: await freePort(), ports: await freePorts() };
    // A setting of the predictor alone: of two services that refuse one, either may be the first.
    const bad = { ...other, env: { ...settings.env, RELEASE_POLL_MS: 'many' } };
    await expect(startSuite(bad, reporter, never)).rejects.toThrow(/predictor can't start: .*RELEASE_POLL_MS/);
  });

  it('starts a killed service again, and Redis as well', { timeout: START_TIMEOUT_MS }, async () => {
    const { predictor, redis } = suite.pids;
    process.kill(predictor!, 'SIGKILL');
    process.kill(redis!, 'SIGKILL');
    await vi.waitFor(
      async () => {
        expect(suite.pids.predictor).toSatisfy((pid) => pid !== undefined && pid !== predictor);
        expect(suite.pids.redis).toSatisfy((pid) => pid !== undefined && pid !== redis);
        expect((await fetch(`${suite.urls.predictor}/ready`)).status).toBe(200);
      },
      { timeout: START_TIMEOUT_MS / 2, interval: 200 },
    );
    expect(said.filter((message) => message.includes('starting it again'))).toHaveLength(2);
  });

  it('leaves nothing running when it stops, and continues with what it had', {
    timeout: START_TIMEOUT_MS,
  }, async () => {
    const release = await production();
    const pids = Object.values(suite.pids);
    await suite.stop();
    expect(pids.filter((pid) => pid !== undefined && isAlive(pid))).toEqual([]);
    suite = await startSuite(settings, reporter, never);
    expect(await production()).toBe(release);
  });
});

async function freePorts(): Promise<SuiteSettings['ports']> {
  const ports = await Promise.all(SERVICE_NAMES.map(async (name) => [name, await freePort()] as const));
  return Object.fromEntries(ports) as SuiteSettings['ports'];
}
