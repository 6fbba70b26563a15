import {
  type ModelStoreSettings,
  modelStoreEnvironment,
  toModelStoreSettings,
} from '@liminal/shared/adapters/model-store-settings';
import { type BaseConfig, baseEnvironment, parseEnvironment, toBaseConfig } from '@liminal/shared/runtime/base-config';
import { z } from 'zod';

/** Settings of this service. Keys are the environment's names. */
export const environment = {
  ...baseEnvironment(8002),
  ...modelStoreEnvironment,
  RELEASE_PUBLIC_KEY_FILE: z
    .string()
    .min(1)
    .default('.liminal/keys/release-public-key.pem')
    .describe('Public keys whose releases are trusted; kenning writes the file'),
  RELEASE_POLL_MS: z.coerce.number().int().min(100).default(2_000).describe('How often to look for a new release'),
  ANOMALY_ALERT_RATE: z.coerce
    .number()
    .gt(0)
    .max(0.5)
    .default(0.01)
    .describe('Share of normal vectors that may raise an alarm'),
  ALARM_POLICY_POLL_MS: z.coerce
    .number()
    .int()
    .min(100)
    .default(1_000)
    .describe('How often to look for what analysts have decided about alarms'),
  EXPLAIN_ANOMALIES: z
    .enum(['true', 'false'])
    .default('true')
    .transform((value) => value === 'true')
    .describe('Whether anomalies carry their explanation; otherwise they are explained on request only'),
  LEASE_MS: z.coerce.number().int().min(1_000).default(10_000).describe('After this silence others take over'),
  PREDICTION_TTL_SECONDS: z.coerce.number().int().positive().default(86_400).describe('Older predictions are stale'),
  RECENT_ENTRIES: z.coerce
    .number()
    .int()
    .min(1)
    .default(200)
    .describe('Entries of a predictions stream kept for GET /predict after kenning has archived them'),
  PREDICTIONS_HIGH_WATER: z.coerce
    .number()
    .int()
    .positive()
    .default(500_000)
    .describe('Predictions of a partition that may wait for kenning before scoring pauses'),
  WATCH_GROUPS: z.coerce
    .number()
    .int()
    .min(0)
    .max(64)
    .default(20)
    .describe('Route groups, and as many channel groups, that have series of their own; the rest is one group each'),
};

export interface Config extends BaseConfig {
  modelStore: ModelStoreSettings;
  releasePublicKeyFile: string;
  releasePollMs: number;
  anomalyAlertRate: number;
  alarmPolicyPollMs: number;
  explainAnomalies: boolean;
  leaseMs: number;
  predictionTtlSeconds: number;
  recentEntries: number;
  predictionsHighWater: number;
  watchGroups: number;
}

export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const settings = parseEnvironment(environment, env);
  return {
    ...toBaseConfig(settings),
    modelStore: toModelStoreSettings(settings),
    releasePublicKeyFile: settings.RELEASE_PUBLIC_KEY_FILE,
    releasePollMs: settings.RELEASE_POLL_MS,
    anomalyAlertRate: settings.ANOMALY_ALERT_RATE,
    alarmPolicyPollMs: settings.ALARM_POLICY_POLL_MS,
    explainAnomalies: settings.EXPLAIN_ANOMALIES,
    leaseMs: settings.LEASE_MS,
    predictionTtlSeconds: settings.PREDICTION_TTL_SECONDS,
    recentEntries: settings.RECENT_ENTRIES,
    predictionsHighWater: settings.PREDICTIONS_HIGH_WATER,
    watchGroups: settings.WATCH_GROUPS,
  };
}
