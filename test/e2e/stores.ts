import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestRedis } from '@liminal/shared/testing/redis';

/** A Redis and a model store that services share: `env` is what they are told of them. */
export interface Stores {
  env: Record<'REDIS_URL' | 'MODEL_STORE_URL' | 'RELEASE_SIGNING_KEY_FILE' | 'RELEASE_PUBLIC_KEY_FILE', string>;
  /** Holds the model store and the keys; goes with them. */
  directory: string;
}

/** Starts them empty. How to end them is added to `cleanups`, which are to run in reverse order. */
export async function startStores(
  name: string,
  cleanups: (() => Promise<unknown>)[],
  options: Parameters<typeof startTestRedis>[0] = {},
): Promise<Stores> {
  const directory = await mkdtemp(join(tmpdir(), `liminal-${name}-`));
  cleanups.push(() => rm(directory, { recursive: true, force: true }));
  const redis = await startTestRedis(options);
  cleanups.push(() => redis.stop());
  const env = {
    REDIS_URL: redis.url,
    MODEL_STORE_URL: `file:${join(directory, 'models')}`,
    RELEASE_SIGNING_KEY_FILE: join(directory, 'private.pem'),
    RELEASE_PUBLIC_KEY_FILE: join(directory, 'public.pem'),
  };
  return { env, directory };
}
