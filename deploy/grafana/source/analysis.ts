import { dashboard, row } from './dashboard.ts';
import { above, NO_LIMIT } from './limits.ts';
import { next, runbook } from './links.ts';
import { bars, graph, stat, timeline } from './panels.ts';
import { grown, medianAndP99, perSecond, quantile } from './queries.ts';

const NO_PROVIDER = 'no provider is set';

export const analysis = () =>
  dashboard('analysis', {
    description:
      'Analysis of anomalies by LLMs, and by rules where none is set: what it costs, who answers, and whether they agree.',
    variables: [],
    rows: [
      row('Budget', [
        stat('Money spent', {
          description:
            'Share of LLM_USD_PER_HOUR and LLM_USD_PER_DAY that is spent in the running hour and day (UTC). At 100% the rules answer until the next one.',
          unit: 'percentunit',
          decimals: 0,
          queries: { '{{window}}': 'max by (window) (liminal_backend_llm_spent_usd_ratio)' },
          limits: above(0.8, 1),
          links: [runbook('LiminalLlmBudgetSpent')],
          whenEmpty: 'unknown',
        }),
        stat('Tokens spent', {
          description:
            'Share of LLM_TOKENS_PER_HOUR and LLM_TOKENS_PER_DAY that is spent in the running hour and day (UTC).',
          unit: 'percentunit',
          decimals: 0,
          queries: { '{{window}}': 'max by (window) (liminal_backend_llm_spent_tokens_ratio)' },
          limits: above(0.8, 1),
          links: [runbook('LiminalLlmBudgetSpent')],
          whenEmpty: 'unknown',
        }),
        stat('Cost, 24 h', {
          description: 'Money spent in the last 24 hours, by the prices of the settings.',
          unit: 'currencyUSD',
          decimals: 2,
          queries: { '{{provider}}': grown('liminal_backend_llm_cost_usd_total', '24h', 'provider') },
          limits: NO_LIMIT,
          links: [runbook('LiminalLlmBudgetSpent')],
          whenEmpty: NO_PROVIDER,
        }),
        stat('Failed tries, 24 h', {
          description:
            'Tries of an analysis that failed in the last 24 hours. The queue tries again; the log of the backend says why.',
          unit: 'short',
          decimals: 0,
          queries: { tries: grown('liminal_backend_analysis_failures_total', '24h') },
          limits: above(1, 20),
          links: [next('http')],
        }),
      ]),
      row('Analyses', [
        bars('Agreement, 24 h', {
          description:
            'Analyses of the last 24 hours by how far the providers agree. none: no provider answered, the rules did. split: read the dissent before you trust either side.',
          unit: 'short',
          decimals: 0,
          min: 0,
          queries: { '{{agreement}}': grown('liminal_backend_analyses_total', '24h', 'agreement') },
          limits: NO_LIMIT,
          links: [next('anomalies')],
        }),
        graph('Time of an analysis', {
          description:
            'From the start of an analysis to its result: the slowest provider of the panel, or a moment for the rules.',
          unit: 's',
          queries: medianAndP99('liminal_backend_analysis_duration_seconds'),
          limits: above(30, 60),
          links: [next('http')],
          whenEmpty: 'no analysis',
        }),
      ]),
      row('Providers', [
        timeline('Left alone', {
          description:
            'Whether a provider is left alone after failures in a row, or tried again. Others stand in for it.',
          unit: 'short',
          queries: { '{{provider}}': 'max by (provider) (liminal_backend_llm_circuit_open_ratio)' },
          states: { 0: { text: 'asked', color: 'green' }, 1: { text: 'left alone', color: 'red' } },
          limits: above(1),
          links: [runbook('LiminalLlmBudgetSpent')],
          whenEmpty: NO_PROVIDER,
        }),
        graph('Calls per second', {
          description:
            'By what came of them. unreliable: a reference in the answer does not exist; garbage: no answer of the asked form.',
          unit: 'reqps',
          queries: { '{{provider}} {{result}}': perSecond('liminal_backend_llm_calls_total', ['provider', 'result']) },
          limits: NO_LIMIT,
          links: [next('anomalies')],
          stacked: true,
          whenEmpty: NO_PROVIDER,
        }),
        graph('Time of a call, p99', {
          description: 'A call with its retries, by provider. After LLM_TIMEOUT_MS (60 s, unless set) it is given up.',
          unit: 's',
          queries: { '{{provider}}': quantile(0.99, 'liminal_backend_llm_call_duration_seconds', 'provider') },
          limits: above(20, 60),
          links: [next('http')],
          whenEmpty: NO_PROVIDER,
        }),
        graph('Tokens per second', {
          description: 'As the providers count them, in and out.',
          unit: 'short',
          queries: {
            '{{provider}} {{direction}}': perSecond('liminal_backend_llm_tokens_total', ['provider', 'direction']),
          },
          limits: NO_LIMIT,
          links: [runbook('LiminalLlmBudgetSpent')],
          whenEmpty: NO_PROVIDER,
        }),
      ]),
    ],
  });
