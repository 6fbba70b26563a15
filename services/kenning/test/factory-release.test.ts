import { generateKeyPairSync } from 'node:crypto';
import { openModelStore } from '@liminal/shared/adapters/model-store';
import { S3_TEST_CREDENTIALS, startS3Server } from '@liminal/shared/testing/s3-server';
import { pino } from 'pino';
import { expect, it, onTestFinished, vi } from 'vitest';
import { ReleaseRegistry } from '../src/registry/release-registry.ts';
import { FactoryRelease } from '../src/training/factory-release.ts';

async function startParts() {
  const server = await startS3Server();
  const store = openModelStore(server.urlOf('models'), S3_TEST_CREDENTIALS);
  onTestFinished(async () => {
    store.close();
    await server.close();
  });
  const { privateKey: signingKey } = generateKeyPairSync('ed25519');
  const registry = new ReleaseRegistry({ store, signingKey, clock: Date.now, log: pino({ level: 'silent' }) });
  const stopping = new AbortController();
  let onTraining = (): void => {};
  const logger = pino({ level: 'debug' }, { write: (line: string) => line.includes('gather rows') && onTraining() });
  const factory = new FactoryRelease({ registry, seed: 1, signal: stopping.signal, logger });
  const training = new Promise<void>((resolve) => {
    onTraining = resolve;
  });
  return { server, registry, stopping, factory, training };
}

it('is trained again when the store was away, and says so meanwhile', { timeout: 60_000 }, async () => {
  const { server, registry, factory, training } = await startParts();
  const ensured = factory.ensure();
  await training;
  await expect(factory.check()).rejects.toThrow('the factory release is being trained');
  await server.stop();
  await vi.waitFor(() => expect(factory.problem).toMatch(/could not be trained \(.+\); trying again/), {
    timeout: 30_000,
    interval: 50,
  });
  await expect(factory.check()).rejects.toThrow(factory.problem!);
  await server.restart();
  await ensured;
  await factory.check();
  expect(factory.problem).toBeUndefined();
  const pointer = await registry.pointer('production');
  expect(await registry.listReleases()).toMatchObject([{ id: pointer!.release, provisional: true }]);
});

it('gives up waiting when kenning stops', { timeout: 60_000 }, async () => {
  const { server, factory, stopping } = await startParts();
  await server.stop();
  const ensured = factory.ensure();
  await vi.waitFor(() => expect(factory.problem).toBeDefined(), { timeout: 30_000 });
  stopping.abort(new Error('kenning is stopping'));
  await expect(ensured).rejects.toThrow();
});
