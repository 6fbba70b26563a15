import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { BUDGET_WINDOWS, type BudgetWindow } from './budget/budget.ts';
import { AGREEMENTS } from './consensus.ts';
import { CALL_RESULTS } from './providers/answer.ts';

export type AnalysisMetrics = ReturnType<typeof createAnalysisMetrics>;

export interface AnalysisMetricsOptions {
  /** Names of the providers, which bound the label. */
  providers: readonly string[];
  /** Shares of the budgets that are spent; it throws while Redis is away. */
  readSpentRatios(): Promise<Record<BudgetWindow, { usd: number; tokens: number }>>;
}

/** Metrics of the analysis of anomalies. Each series is there from the start, at 0. */
export function createAnalysisMetrics(registry: Registry, { providers, readSpentRatios }: AnalysisMetricsOptions) {
  const registers = [registry];
  const metrics = {
    calls: new Counter({
      name: 'liminal_backend_llm_calls_total',
      help: 'Times that an LLM provider was to be asked, by what came of it',
      labelNames: ['provider', 'result'] as const,
      registers,
    }),
    callDuration: new Histogram({
      name: 'liminal_backend_llm_call_duration_seconds',
      help: 'Time of a call of an LLM provider, its retries included',
      labelNames: ['provider'] as const,
      buckets: [0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120],
      registers,
    }),
    tokens: new Counter({
      name: 'liminal_backend_llm_tokens_total',
      help: 'Tokens that LLM providers have counted',
      labelNames: ['provider', 'direction'] as const,
      registers,
    }),
    cost: new Counter({
      name: 'liminal_backend_llm_cost_usd_total',
      help: 'Money spent on LLM providers, by the prices of the settings',
      labelNames: ['provider'] as const,
      registers,
    }),
    circuitOpen: new Gauge({
      name: 'liminal_backend_llm_circuit_open_ratio',
      help: '1 while an LLM provider is left alone after failures, or tried again',
      labelNames: ['provider'] as const,
      registers,
    }),
    analyses: new Counter({
      name: 'liminal_backend_analyses_total',
      help: 'Analyses of anomalies that ended, by how far the providers agree; none = the rules answered',
      labelNames: ['agreement'] as const,
      registers,
    }),
    analysisFailures: new Counter({
      name: 'liminal_backend_analysis_failures_total',
      help: 'Tries of an analysis that failed; the queue tries again',
      registers,
    }),
    analysisDuration: new Histogram({
      name: 'liminal_backend_analysis_duration_seconds',
      help: 'Time of an analysis from its start to its result',
      buckets: [0.05, 0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120],
      registers,
    }),
    spentUsd: new Gauge({
      name: 'liminal_backend_llm_spent_usd_ratio',
      help: 'Share of the money for LLM providers that is spent in the running hour and day (UTC); absent while Redis is away',
      labelNames: ['window'] as const,
      registers,
      async collect() {
        await setSpent(this, 'usd');
      },
    }),
    spentTokens: new Gauge({
      name: 'liminal_backend_llm_spent_tokens_ratio',
      help: 'Share of the tokens for LLM providers that is spent in the running hour and day (UTC); absent while Redis is away',
      labelNames: ['window'] as const,
      registers,
      async collect() {
        await setSpent(this, 'tokens');
      },
    }),
  };
  for (const provider of providers) {
    for (const result of CALL_RESULTS) metrics.calls.labels(provider, result).inc(0);
    for (const direction of ['input', 'output']) metrics.tokens.labels(provider, direction).inc(0);
    metrics.cost.labels(provider).inc(0);
    metrics.circuitOpen.labels(provider).set(0);
  }
  for (const agreement of AGREEMENTS) metrics.analyses.labels(agreement).inc(0);
  return metrics;

  async function setSpent(gauge: Gauge<'window'>, unit: 'usd' | 'tokens'): Promise<void> {
    // An old number would look like a fresh one.
    gauge.reset();
    const ratios = await readSpentRatios().catch(() => undefined);
    if (ratios === undefined) return;
    for (const window of BUDGET_WINDOWS) gauge.labels(window).set(ratios[window][unit]);
  }
}
