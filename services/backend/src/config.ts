import {
  type ModelStoreSettings,
  modelStoreEnvironment,
  toModelStoreSettings,
} from '@liminal/shared/adapters/model-store-settings';
import { MAX_EVENTS_PER_CALL } from '@liminal/shared/contracts/event';
import { type BaseConfig, baseEnvironment, parseEnvironment, toBaseConfig } from '@liminal/shared/runtime/base-config';
import { z } from 'zod';

/** Settings of this service. Keys are the environment's names. */
export const environment = {
  ...baseEnvironment(8000),
  ...modelStoreEnvironment,
  RELEASE_PUBLIC_KEY_FILE: z
    .string()
    .min(1)
    .default('.liminal/keys/release-public-key.pem')
    .describe('Public keys whose releases are trusted; kenning writes the file'),
  EVENTS_HIGH_WATER: z.coerce
    .number()
    .int()
    .min(MAX_EVENTS_PER_CALL, `must be at least ${MAX_EVENTS_PER_CALL}, or the largest call could never be taken`)
    .default(200_000)
    .describe('Events of a partition that may wait for the feature-extractor before calls are refused'),
  PREDICTION_TTL_SECONDS: z.coerce.number().int().positive().default(86_400).describe('Older predictions are stale'),
};

export interface Config extends BaseConfig {
  modelStore: ModelStoreSettings;
  releasePublicKeyFile: string;
  eventsHighWater: number;
  predictionTtlSeconds: number;
}

export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const settings = parseEnvironment(environment, env);
  return {
    ...toBaseConfig(settings),
    modelStore: toModelStoreSettings(settings),
    releasePublicKeyFile: settings.RELEASE_PUBLIC_KEY_FILE,
    eventsHighWater: settings.EVENTS_HIGH_WATER,
    predictionTtlSeconds: settings.PREDICTION_TTL_SECONDS,
  };
}
