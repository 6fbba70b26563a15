import { encodeExplanation } from '@liminal/shared/contracts/explanation-codec';
import {
  FEATURE_COUNT,
  FEATURE_NAMES,
  type FeatureName,
  VECTOR_LENGTH,
} from '@liminal/shared/contracts/feature-vector';
import { anomaliesKey } from '@liminal/shared/contracts/keys';
import { anomalyId, encodePredictions, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import type { Redis } from 'ioredis';
import type { ProviderSettings } from '../src/analysis/providers/provider-settings.ts';
import type { LlmServer } from './llm-servers/wire-server.ts';

/** Features of a token that somebody beside its owner shows. */
export const STOLEN_TOKEN: Partial<Record<FeatureName, number>> = {
  requests_per_user: 14,
  burstiness_score: 0.5,
  ip_entropy: 0.95,
  channel_activity: 0,
  predicted_user_load: 10,
  login_intervals: 4_000,
  jwt_usage_patterns: 0.95,
};

export function recordOf(
  user: string,
  options: {
    seq?: number;
    ts?: number;
    severity?: 'warning' | 'critical';
    features?: Partial<Record<FeatureName, number>>;
  } = {},
): PredictionRecord {
  const { seq = 3, ts = Date.now(), severity = 'warning', features = STOLEN_TOKEN } = options;
  const values = new Float32Array(VECTOR_LENGTH);
  for (const [index, name] of FEATURE_NAMES.entries()) values[index] = features[name] ?? Number.NaN;
  values.fill(5, FEATURE_COUNT);
  return {
    user,
    ts,
    seq,
    values,
    forecast: null,
    checked: null,
    scores: { 'isolation-forest': { score: 0.7, pValue: 0.0005 } },
    pValue: 0.0005,
    severity,
    release: 'r1',
    provisional: false,
    scoredAt: ts,
  };
}

const usual = { low: 0, median: 0, high: 0.1 };

/** Puts an anomaly in the stream, as the predictor does, and returns its id. */
export async function writeAnomaly(redis: Redis, record: PredictionRecord): Promise<string> {
  const explanation = encodeExplanation({
    shap: {
      algorithm: 'enumeration',
      quantity: 'minus_log10_p',
      baseValue: 0.3,
      value: 3.3,
      shapValues: [0, 0, 1.2, 0, 0, 0, 1.8],
      standardErrors: null,
      gap: 0,
      backgroundRows: 1,
    },
    expectations: FEATURE_NAMES.map(() => ({ user: usual, everyone: { ...usual, missingRate: 0 } })),
    userVectors: 9,
    summaries: { en: 'Stands out.', ru: 'Выделяется.' },
  });
  await redis.xadd(anomaliesKey, '*', 'b', encodePredictions([record]), 'x', explanation);
  return anomalyId(record);
}

type LoopbackProvider = Partial<ProviderSettings> & { server: LlmServer };

/** `LLM_PROVIDERS` for servers on loopback. */
export function providersOf(providers: Record<string, LoopbackProvider>): string {
  return JSON.stringify(
    Object.entries(providers).map(([name, { server, ...settings }]) => ({
      name,
      kind: 'openai-compatible',
      model: `model-of-${name}`,
      baseUrl: server.url,
      ...settings,
    })),
  );
}
