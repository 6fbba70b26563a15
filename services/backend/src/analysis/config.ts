import { z } from 'zod';
import type { BudgetLimits } from './budget/budget.ts';
import type { CallSettings } from './providers/provider.ts';
import { type ProviderSettings, readProviders } from './providers/provider-settings.ts';

const whole = (fallback: number) => z.coerce.number().int().positive().default(fallback);
const money = (fallback: number) => z.coerce.number().positive().default(fallback);
const text = z.string().optional();

/** Settings of the analysis of anomalies. Keys are the environment's names. */
export const analysisEnvironment = {
  LLM_PROVIDERS: text.describe(
    'JSON array of the providers that are asked, in the order of preference; none unless set',
  ),
  ANTHROPIC_API_KEY: text.describe('Key of providers of kind anthropic'),
  ANTHROPIC_API_KEY_FILE: text.describe('File with that key'),
  OPENAI_API_KEY: text.describe('Key of providers of kind openai'),
  OPENAI_API_KEY_FILE: text.describe('File with that key'),
  LLM_API_KEY: text.describe('Key of providers of kind openai-compatible, where they want one'),
  LLM_API_KEY_FILE: text.describe('File with that key'),
  LLM_PANEL: whole(3).describe('Providers that are asked at once; the others stand in for those that give no verdict'),
  LLM_TIMEOUT_MS: whole(60_000).describe('A provider has so long to answer, its retries included'),
  LLM_RETRIES: z.coerce.number().int().min(0).max(10).default(2).describe('Retries after a failure that may pass'),
  LLM_MAX_OUTPUT_TOKENS: whole(2_000).describe('Tokens that a provider may answer with'),
  LLM_BREAKER_FAILURES: whole(5).describe('Failures in a row after which a provider is left alone'),
  LLM_BREAKER_OPEN_SECONDS: whole(60).describe('How long it is left alone before it is tried again'),
  LLM_USD_PER_HOUR: money(1).describe('Dollars that all replicas may spend in an hour (UTC)'),
  LLM_USD_PER_DAY: money(10).describe('Dollars that they may spend in a day (UTC)'),
  LLM_TOKENS_PER_HOUR: whole(1_000_000).describe('Tokens in and out that they may spend in an hour'),
  LLM_TOKENS_PER_DAY: whole(10_000_000).describe('Tokens in and out that they may spend in a day'),
  LLM_CACHE_SECONDS: z.coerce
    .number()
    .int()
    .min(0)
    .default(3_600)
    .describe('A verdict holds so long for anomalies that look alike; 0 = each is asked about anew'),
  ANALYSIS_AUTOMATIC: z
    .enum(['critical', 'off'])
    .default('critical')
    .describe('Anomalies that are analysed without anybody asking'),
  ANALYSIS_CONCURRENCY: whole(4).describe('Analyses of a replica at once'),
  ANALYSIS_KEEP_DAYS: whole(30).describe('How long results are kept'),
};

export interface AnalysisConfig {
  providers: ProviderSettings[];
  panel: number;
  calls: CallSettings;
  budget: BudgetLimits;
  cacheSeconds: number;
  isAutomatic: boolean;
  concurrency: number;
  keepSeconds: number;
}

/** Throws `ConfigError` on providers that can't be used. */
export function toAnalysisConfig(env: z.infer<z.ZodObject<typeof analysisEnvironment>>): AnalysisConfig {
  return {
    providers: readProviders(env.LLM_PROVIDERS, env),
    panel: env.LLM_PANEL,
    calls: {
      timeoutMs: env.LLM_TIMEOUT_MS,
      retries: env.LLM_RETRIES,
      maxOutputTokens: env.LLM_MAX_OUTPUT_TOKENS,
      breakerFailures: env.LLM_BREAKER_FAILURES,
      breakerOpenMs: 1_000 * env.LLM_BREAKER_OPEN_SECONDS,
    },
    budget: {
      hour: { tokens: env.LLM_TOKENS_PER_HOUR, usd: env.LLM_USD_PER_HOUR },
      day: { tokens: env.LLM_TOKENS_PER_DAY, usd: env.LLM_USD_PER_DAY },
    },
    cacheSeconds: env.LLM_CACHE_SECONDS,
    isAutomatic: env.ANALYSIS_AUTOMATIC === 'critical',
    concurrency: env.ANALYSIS_CONCURRENCY,
    keepSeconds: 86_400 * env.ANALYSIS_KEEP_DAYS,
  };
}
