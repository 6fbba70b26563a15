import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, startTestRedis } from '@liminal/shared/testing/redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServiceName, ServiceProcess, until } from './service-process.ts';

const PASSWORD = 'correct horse @:/?#%41 "battery"';
const DEFAULT_PASSWORD = 'liminal-on-this-machine-only';

describe('passwords', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  let directory: string;
  let redisUrl: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'liminal-passwords-'));
    cleanups.push(() => rm(directory, { recursive: true, force: true }));
    const redis = await startTestRedis({ password: PASSWORD });
    cleanups.push(() => redis.stop());
    redisUrl = `redis://127.0.0.1:${redis.port}`;
  });

  afterAll(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });

  async function start(name: ServiceName, env: Record<string, string>): Promise<ServiceProcess> {
    const service = await ServiceProcess.start(name, {
      MODEL_STORE_URL: `file:${join(directory, 'models')}`,
      RELEASE_SIGNING_KEY_FILE: join(directory, 'private.pem'),
      RELEASE_PUBLIC_KEY_FILE: join(directory, 'public.pem'),
      ...env,
    });
    cleanups.push(() => service.kill());
    return service;
  }

  it.each(['backend', 'kenning'] as const)(
    '%s connects with the password that a file holds, and its log does not show it',
    async (name) => {
      const file = join(directory, 'redis-password');
      await writeFile(file, `${PASSWORD}\n`);
      const service = await start(name, { REDIS_URL: redisUrl, REDIS_PASSWORD_FILE: file });
      await until(`${name} has Redis`, async () => {
        const answer = (await (await fetch(`${service.url}/ready`)).json()) as { dependencies: { redis: unknown } };
        return JSON.stringify(answer.dependencies.redis) === '{"ready":true}';
      });
      await service.stop();
      expect(service.output).not.toContain('WRONGPASS');
      expect(service.output).not.toContain('horse');
    },
  );

  // Each holds its connections in a way of its own.
  it.each(['predictor', 'kenning', 'auto-retrainer'] as const)(
    '%s says that a password is wrong, and not which',
    async (name) => {
      const service = await start(name, { REDIS_URL: redisUrl, REDIS_PASSWORD: 'staple-of-secrets' });
      await until(`${name} logs it`, async () => service.output.includes('WRONGPASS'));
      await service.kill();
      expect(service.output).not.toContain('staple');
    },
  );

  it('are redacted where the address of a Redis that is away holds one', async () => {
    const service = await start('backend', { REDIS_URL: `redis://:staple-of-secrets@127.0.0.1:${await freePort()}` });
    await until('it is logged', async () => service.output.includes('redis is away'));
    await service.kill();
    expect(service.output).not.toContain('staple');
  });

  it('that still have their default are warned of at the start, each by name', async () => {
    const service = await start('predictor', {
      REDIS_URL: redisUrl,
      REDIS_PASSWORD: DEFAULT_PASSWORD,
      MODEL_STORE_SECRET_KEY: DEFAULT_PASSWORD,
    });
    const warnings = service.output
      .split('\n')
      .filter((line) => line.includes('this password still has its default'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(warnings).toMatchObject([
      { level: 40, setting: 'REDIS_PASSWORD', inCompose: 'REDIS_PASSWORD' },
      { level: 40, setting: 'MODEL_STORE_SECRET_KEY', inCompose: 'MINIO_ROOT_PASSWORD' },
    ]);
    await service.kill();
    expect(service.output).not.toContain(DEFAULT_PASSWORD);
  });
});
