import {
  type ModelStoreSettings,
  modelStoreEnvironment,
  toModelStoreSettings,
} from '@liminal/shared/adapters/model-store-settings';
import { MAX_EVENTS_PER_CALL } from '@liminal/shared/contracts/event';
import { type BaseConfig, baseEnvironment, parseEnvironment, toBaseConfig } from '@liminal/shared/runtime/base-config';
import { z } from 'zod';
import { type AnalysisConfig, analysisEnvironment, toAnalysisConfig } from './analysis/config.ts';

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
  ANOMALY_STREAM_CLIENTS: z.coerce.number().int().min(1).default(2_000).describe('Live streams at the same time'),
  ANOMALY_STREAM_BUFFER_BYTES: z.coerce
    .number()
    .int()
    .min(16_384)
    .default(262_144)
    .describe('What may wait for the client of a live stream before it is dropped as too slow'),
  ANOMALY_STREAM_HEARTBEAT_MS: z.coerce
    .number()
    .int()
    .min(100)
    .default(15_000)
    .describe('A live stream without anomalies gives a sign of life this often'),
  ANOMALY_ALERT_RATE: z.coerce
    .number()
    .gt(0)
    .max(0.5)
    .default(0.01)
    .describe('Share of normal vectors that may raise an alarm: the same as that of the predictor'),
  FEEDBACK_AUTOMATIC: z
    .enum(['true', 'false'])
    .default('true')
    .transform((value) => value === 'true')
    .describe('Whether verdicts hold alarms back and lower alarm rates by themselves; otherwise rules alone do'),
  FALSE_POSITIVE_DAYS: z.coerce
    .number()
    .gt(0)
    .max(90)
    .default(14)
    .describe('How long more of the same of a user is held back after a false alarm'),
  SUPPRESSION_MAX_DAYS: z.coerce.number().gt(0).max(365).default(90).describe('How long a suppression rule may hold'),
  PRECISION_FLOOR: z.coerce
    .number()
    .min(0)
    .max(1)
    .default(0.3)
    .describe("Share of confirmed alarms below which everybody's alarm rate is lowered"),
  PRECISION_MIN_VERDICTS: z.coerce
    .number()
    .int()
    .min(1)
    .default(30)
    .describe('Judged users from which that share counts'),
  ...analysisEnvironment,
};

export interface Config extends BaseConfig {
  modelStore: ModelStoreSettings;
  releasePublicKeyFile: string;
  eventsHighWater: number;
  predictionTtlSeconds: number;
  analysis: AnalysisConfig;
  anomalyStreamClients: number;
  anomalyStreamBufferBytes: number;
  anomalyStreamHeartbeatMs: number;
  anomalyAlertRate: number;
  feedbackAutomatic: boolean;
  falsePositiveMs: number;
  suppressionMaxDays: number;
  precisionFloor: number;
  minVerdicts: number;
}

const DAY_MS = 86_400_000;

export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const settings = parseEnvironment(environment, env);
  return {
    ...toBaseConfig(settings),
    modelStore: toModelStoreSettings(settings),
    releasePublicKeyFile: settings.RELEASE_PUBLIC_KEY_FILE,
    eventsHighWater: settings.EVENTS_HIGH_WATER,
    predictionTtlSeconds: settings.PREDICTION_TTL_SECONDS,
    analysis: toAnalysisConfig(settings),
    anomalyStreamClients: settings.ANOMALY_STREAM_CLIENTS,
    anomalyStreamBufferBytes: settings.ANOMALY_STREAM_BUFFER_BYTES,
    anomalyStreamHeartbeatMs: settings.ANOMALY_STREAM_HEARTBEAT_MS,
    anomalyAlertRate: settings.ANOMALY_ALERT_RATE,
    feedbackAutomatic: settings.FEEDBACK_AUTOMATIC,
    falsePositiveMs: settings.FALSE_POSITIVE_DAYS * DAY_MS,
    suppressionMaxDays: settings.SUPPRESSION_MAX_DAYS,
    precisionFloor: settings.PRECISION_FLOOR,
    minVerdicts: settings.PRECISION_MIN_VERDICTS,
  };
}
