import {
  type ModelStoreSettings,
  modelStoreEnvironment,
  toModelStoreSettings,
} from '@liminal/shared/adapters/model-store-settings';
import { type BaseConfig, baseEnvironment, parseEnvironment, toBaseConfig } from '@liminal/shared/runtime/base-config';
import { z } from 'zod';

/** Settings of this service. Keys are the environment's names. */
export const environment = {
  ...baseEnvironment(5000),
  ...modelStoreEnvironment,
  RELEASE_SIGNING_KEY_FILE: z
    .string()
    .min(1)
    .default('.liminal/keys/release-signing-key.pem')
    .describe('Private key that signs releases; made at the first start'),
  RELEASE_PUBLIC_KEY_FILE: z
    .string()
    .min(1)
    .default('.liminal/keys/release-public-key.pem')
    .describe('Where the public keys are kept for the services that load releases'),
  LEASE_MS: z.coerce.number().int().min(1_000).default(10_000).describe('After this silence others take over'),
  ARCHIVE_MAX_ROWS: z.coerce
    .number()
    .int()
    .min(1_000)
    .default(1_000_000)
    .describe('Training rows to keep; the oldest go first'),
  ARCHIVE_FLUSH_MS: z.coerce
    .number()
    .int()
    .min(100)
    .default(5_000)
    .describe('Age at which rows are written even when they are few'),
  TRAINING_MAX_ROWS: z.coerce
    .number()
    .int()
    .min(100)
    .default(200_000)
    .describe('Newest rows that a training reads unless it is told otherwise'),
  FACTORY_SEED: z.coerce.number().int().min(0).max(0xffff_ffff).default(1).describe('Seed of the factory release'),
};

export interface Config extends BaseConfig {
  modelStore: ModelStoreSettings;
  signingKeyFile: string;
  publicKeyFile: string;
  leaseMs: number;
  archiveMaxRows: number;
  archiveFlushMs: number;
  trainingMaxRows: number;
  factorySeed: number;
}

export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const settings = parseEnvironment(environment, env);
  return {
    ...toBaseConfig(settings),
    modelStore: toModelStoreSettings(settings),
    signingKeyFile: settings.RELEASE_SIGNING_KEY_FILE,
    publicKeyFile: settings.RELEASE_PUBLIC_KEY_FILE,
    leaseMs: settings.LEASE_MS,
    archiveMaxRows: settings.ARCHIVE_MAX_ROWS,
    archiveFlushMs: settings.ARCHIVE_FLUSH_MS,
    trainingMaxRows: settings.TRAINING_MAX_ROWS,
    factorySeed: settings.FACTORY_SEED,
  };
}
