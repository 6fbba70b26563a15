import { type BaseConfig, baseEnvironment, parseEnvironment, toBaseConfig } from '@liminal/shared/runtime/base-config';
import { z } from 'zod';

/** Settings of this service. Keys are the environment's names. */
export const environment = {
  ...baseEnvironment(8001),
  LEASE_MS: z.coerce.number().int().min(1_000).default(10_000).describe('After this silence others take over'),
  STATE_TTL_SECONDS: z.coerce.number().int().positive().default(86_400).describe('Users without events are forgotten'),
  CACHED_USERS: z.coerce.number().int().min(1_000).default(40_000).describe('User states kept in memory'),
  SNAPSHOT_EVERY_MS: z.coerce.number().int().positive().default(15_000).describe('Age at which a state is written'),
  FEATURES_HIGH_WATER: z.coerce
    .number()
    .int()
    .positive()
    .default(100_000)
    .describe('Vectors of a partition that may wait for the predictor before reading pauses'),
  MINUTE_LATENESS_MS: z.coerce
    .number()
    .int()
    .min(0)
    .max(120_000)
    .default(30_000)
    .describe('How long after its end a minute of the platform takes events; the same for all replicas'),
};

export interface Config extends BaseConfig {
  leaseMs: number;
  stateTtlSeconds: number;
  cachedUsers: number;
  snapshotEveryMs: number;
  featuresHighWater: number;
  minuteLatenessMs: number;
}

export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const settings = parseEnvironment(environment, env);
  return {
    ...toBaseConfig(settings),
    leaseMs: settings.LEASE_MS,
    stateTtlSeconds: settings.STATE_TTL_SECONDS,
    cachedUsers: settings.CACHED_USERS,
    snapshotEveryMs: settings.SNAPSHOT_EVERY_MS,
    featuresHighWater: settings.FEATURES_HIGH_WATER,
    minuteLatenessMs: settings.MINUTE_LATENESS_MS,
  };
}
