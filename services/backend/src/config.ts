import { MAX_EVENTS_PER_CALL } from '@liminal/shared/contracts/event';
import { type BaseConfig, baseEnvironment, parseEnvironment, toBaseConfig } from '@liminal/shared/runtime/base-config';
import { z } from 'zod';
import { type AnalysisConfig, analysisEnvironment, toAnalysisConfig } from './analysis/config.ts';

/** Settings of this service. Keys are the environment's names. */
export const environment = {
  ...baseEnvironment(8000),
  EVENTS_HIGH_WATER: z.coerce
    .number()
    .int()
    .min(MAX_EVENTS_PER_CALL, `must be at least ${MAX_EVENTS_PER_CALL}, or the largest call could never be taken`)
    .default(200_000)
    .describe('Events of a partition that may wait for the feature-extractor before calls are refused'),
  PREDICTION_TTL_SECONDS: z.coerce.number().int().positive().default(86_400).describe('Older predictions are stale'),
  ...analysisEnvironment,
};

export interface Config extends BaseConfig {
  eventsHighWater: number;
  predictionTtlSeconds: number;
  analysis: AnalysisConfig;
}

export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const settings = parseEnvironment(environment, env);
  return {
    ...toBaseConfig(settings),
    eventsHighWater: settings.EVENTS_HIGH_WATER,
    predictionTtlSeconds: settings.PREDICTION_TTL_SECONDS,
    analysis: toAnalysisConfig(settings),
  };
}
