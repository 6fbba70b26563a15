import {
  type ModelStoreSettings,
  modelStoreEnvironment,
  toModelStoreSettings,
} from '@liminal/shared/adapters/model-store-settings';
import { type BaseConfig, baseEnvironment, parseEnvironment, toBaseConfig } from '@liminal/shared/runtime/base-config';
import { z } from 'zod';

/** Settings of this service. Keys are the environment's names. */
export const environment = {
  ...baseEnvironment(8003),
  ...modelStoreEnvironment,
  RELEASE_PUBLIC_KEY_FILE: z
    .string()
    .min(1)
    .default('.liminal/keys/release-public-key.pem')
    .describe('Public keys whose releases are trusted; kenning writes the file'),
  POLICY_EVERY_MS: z.coerce.number().int().min(100).default(5_000).describe('How often the rules are looked at'),
  BOOTSTRAP_MIN_ROWS: z.coerce
    .number()
    .int()
    .min(1)
    .default(500)
    .describe('Archived rows from which the first own release is trained'),
  BOOTSTRAP_MIN_USERS: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000)
    .default(20)
    .describe('Users that the rows have to come from'),
};

export interface Config extends BaseConfig {
  modelStore: ModelStoreSettings;
  releasePublicKeyFile: string;
  policyEveryMs: number;
  bootstrapMinRows: number;
  bootstrapMinUsers: number;
}

export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const settings = parseEnvironment(environment, env);
  return {
    ...toBaseConfig(settings),
    modelStore: toModelStoreSettings(settings),
    releasePublicKeyFile: settings.RELEASE_PUBLIC_KEY_FILE,
    policyEveryMs: settings.POLICY_EVERY_MS,
    bootstrapMinRows: settings.BOOTSTRAP_MIN_ROWS,
    bootstrapMinUsers: settings.BOOTSTRAP_MIN_USERS,
  };
}
