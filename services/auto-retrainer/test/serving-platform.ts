import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openModelStore } from '@liminal/shared/adapters/model-store';
import { FEATURE_COUNT } from '@liminal/shared/contracts/feature-vector';
import { trainingKeys } from '@liminal/shared/contracts/training-rows';
import { canonicalJsonBytes } from '@liminal/shared/release/canonical-json';
import { Random } from '@liminal/shared/runtime/random';
import { startTestRedis } from '@liminal/shared/testing/redis';
import { Redis } from 'ioredis';
import { ReleaseRegistry } from '../../kenning/src/registry/release-registry.ts';
import { releaseDraft } from '../../kenning/test/release-draft.ts';

const REFERENCE_ROWS = 100;

/** A Redis, and a store in which a release of the platform's own data serves. */
export interface ServingPlatform extends AsyncDisposable {
  redis: Redis;
  release: string;
  /** Settings of an auto-retrainer that looks often. */
  env: Record<string, string>;
}

export async function servingPlatform(): Promise<ServingPlatform> {
  const directory = await mkdtemp(join(tmpdir(), 'liminal-retrainer-'));
  const server = await startTestRedis();
  const redis = new Redis(server.url);
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const publicKeyFile = join(directory, 'public.pem');
  await writeFile(publicKeyFile, publicKey.export({ type: 'spki', format: 'pem' }));
  const modelStore = `file:${directory}/models`;
  const store = openModelStore(modelStore);
  const registry = new ReleaseRegistry({ store, signingKey: privateKey, clock: Date.now, log: { warn: () => {} } });
  const random = new Random(2);
  const referenceRows = Float32Array.from({ length: REFERENCE_ROWS * FEATURE_COUNT }, () => random.exponential(5));
  const { id: release } = await registry.publish(releaseDraft(1, { provisional: false, referenceRows }));
  await registry.promote(release, 'test', 'test');
  const updatedAt = new Date().toISOString();
  const summary = { rows: 600, users: 30, usersExact: true, fromTs: 0, toTs: 1, parts: 1, updatedAt };
  await store.put(trainingKeys.summary, canonicalJsonBytes(summary));
  store.close();
  return {
    redis,
    release,
    env: {
      REDIS_URL: server.url,
      POLICY_EVERY_MS: '100',
      MODEL_STORE_URL: modelStore,
      RELEASE_PUBLIC_KEY_FILE: publicKeyFile,
    },
    async [Symbol.asyncDispose]() {
      redis.disconnect();
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
