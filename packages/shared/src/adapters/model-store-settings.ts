import { z } from 'zod';
import type { ModelStore } from './model-store.ts';
import { openModelStore } from './model-store.ts';

/** Settings of every service that uses the model store. Keys are the environment's names. */
export const modelStoreEnvironment = {
  MODEL_STORE_URL: z
    .string()
    .min(1)
    .default('file:.liminal/models')
    .describe('Where models and training data lie: file:DIRECTORY or s3://HOST:PORT/BUCKET'),
  MODEL_STORE_ACCESS_KEY: z.string().optional().describe('User of the object store; not used with file:'),
  MODEL_STORE_SECRET_KEY: z.string().optional().describe('Password of the object store; not used with file:'),
};

export interface ModelStoreSettings {
  url: string;
  accessKey?: string;
  secretKey?: string;
}

export function toModelStoreSettings(env: {
  MODEL_STORE_URL: string;
  MODEL_STORE_ACCESS_KEY?: string | undefined;
  MODEL_STORE_SECRET_KEY?: string | undefined;
}): ModelStoreSettings {
  const settings: ModelStoreSettings = { url: env.MODEL_STORE_URL };
  if (env.MODEL_STORE_ACCESS_KEY !== undefined) settings.accessKey = env.MODEL_STORE_ACCESS_KEY;
  if (env.MODEL_STORE_SECRET_KEY !== undefined) settings.secretKey = env.MODEL_STORE_SECRET_KEY;
  return settings;
}

export function openConfiguredModelStore({ url, accessKey, secretKey }: ModelStoreSettings): ModelStore {
  if (accessKey === undefined || secretKey === undefined) return openModelStore(url);
  return openModelStore(url, { accessKey, secretKey });
}
