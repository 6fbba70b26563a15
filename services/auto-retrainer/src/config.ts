import {
  type ModelStoreSettings,
  modelStoreEnvironment,
  toModelStoreSettings,
} from '@liminal/shared/adapters/model-store-settings';
import { type BaseConfig, baseEnvironment, parseEnvironment, toBaseConfig } from '@liminal/shared/runtime/base-config';
import { z } from 'zod';
import type { Limits } from './policy/policy.ts';
import type { RolloutLimits } from './rollout/rollout.ts';
import type { WatchLimits } from './rollout/watch.ts';

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
  DRIFT_MIN_ROWS: z.coerce
    .number()
    .int()
    .min(1)
    .default(2_000)
    .describe('Rows since the drift began from which a release is trained'),
  RELEASE_MAX_AGE_HOURS: z.coerce.number().positive().default(168).describe('Older releases are trained anew'),
  PRECISION_FLOOR: z.coerce
    .number()
    .min(0)
    .max(1)
    .default(0.3)
    .describe('Share of confirmed alarms below which a release is trained anew'),
  PRECISION_MIN_VERDICTS: z.coerce.number().int().min(1).default(30).describe('Verdicts from which that share counts'),
  COOL_DOWN_MINUTES: z.coerce
    .number()
    .min(0)
    .default(60)
    .describe('Quiet after each rollout; twice as long after each further one that came to nothing'),
  ANOMALY_ALERT_RATE: z.coerce
    .number()
    .gt(0)
    .max(0.5)
    .default(0.01)
    .describe('Share of normal vectors that may raise an alarm: the same as that of the predictor'),
  DRIFT_FALSE_ALARM_RATE: z.coerce
    .number()
    .gt(0)
    .max(0.5)
    .default(0.01)
    .describe('Probability, for the whole life of a release, of calling drift what is none'),
  DRIFT_ROUND_MINUTES: z.coerce
    .number()
    .min(1)
    .default(20)
    .describe('Event time in which one vector of a user counts for drift; also the length of the window'),
  DRIFT_CHECK_EVERY_MS: z.coerce
    .number()
    .int()
    .min(1_000)
    .default(60_000)
    .describe('How often the window is compared with the reference of the release'),
  GATE_HOLD_OUT_SHARE: z.coerce
    .number()
    .gt(0)
    .max(0.5)
    .default(0.2)
    .describe('Share of the newest rows that is kept out of a training to judge its release by'),
  SHADOW_VECTORS: z.coerce.number().int().min(1).default(5_000).describe('Vectors after which a shadow is judged'),
  SHADOW_MINUTES: z.coerce
    .number()
    .positive()
    .default(30)
    .describe('A shadow is judged after this time at the latest; with hardly any vectors, after four times as long'),
  WATCH_MINUTES: z.coerce.number().min(0).default(30).describe('How long a promoted release is watched'),
  WATCH_ROWS: z.coerce
    .number()
    .int()
    .min(1)
    .default(1_000)
    .describe(
      'Predictions by others, if they are as many as its own, after which a promoted release counts as not taken up',
    ),
  WATCH_TAKE_UP_MS: z.coerce
    .number()
    .int()
    .min(0)
    .default(30_000)
    .describe(
      'Time that a predictor has to load a promoted release: what it scores by others meanwhile does not count',
    ),
  WATCH_LAG_MS: z.coerce
    .number()
    .int()
    .min(1)
    .default(30_000)
    .describe('A predictor further behind than this, and three times as far as before, is a reason to roll back'),
  LEASE_MS: z.coerce.number().int().min(1_000).default(10_000).describe('After this silence another replica leads'),
};

const MINUTE_MS = 60_000;

export interface Config extends BaseConfig, Limits, RolloutLimits, WatchLimits {
  modelStore: ModelStoreSettings;
  releasePublicKeyFile: string;
  policyEveryMs: number;
  driftFalseAlarmRate: number;
  driftRoundMs: number;
  driftCheckEveryMs: number;
  gateHoldOutShare: number;
  leaseMs: number;
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
    driftMinRows: settings.DRIFT_MIN_ROWS,
    maxAgeMs: settings.RELEASE_MAX_AGE_HOURS * 60 * MINUTE_MS,
    precisionFloor: settings.PRECISION_FLOOR,
    minVerdicts: settings.PRECISION_MIN_VERDICTS,
    coolDownMs: settings.COOL_DOWN_MINUTES * MINUTE_MS,
    anomalyAlertRate: settings.ANOMALY_ALERT_RATE,
    driftFalseAlarmRate: settings.DRIFT_FALSE_ALARM_RATE,
    driftRoundMs: settings.DRIFT_ROUND_MINUTES * MINUTE_MS,
    driftCheckEveryMs: settings.DRIFT_CHECK_EVERY_MS,
    gateHoldOutShare: settings.GATE_HOLD_OUT_SHARE,
    shadowVectors: settings.SHADOW_VECTORS,
    shadowMs: settings.SHADOW_MINUTES * MINUTE_MS,
    watchMs: settings.WATCH_MINUTES * MINUTE_MS,
    watchRows: settings.WATCH_ROWS,
    watchTakeUpMs: settings.WATCH_TAKE_UP_MS,
    watchLagMs: settings.WATCH_LAG_MS,
    leaseMs: settings.LEASE_MS,
  };
}
