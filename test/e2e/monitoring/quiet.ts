/** What has no data in a suite that runs as it should, and why. Everything else has to have some. */

const NO_ALERT = 'nothing is wrong';
const NO_PROVIDER = 'no LLM provider is set';

/** Queries of panels, by `dashboard / panel / legend`. */
export const QUIET_QUERIES: Readonly<Record<string, string>> = {
  'annotation / Alerts': NO_ALERT,
  'Overview / Firing alerts / alerts': NO_ALERT,
  'Overview / Not ready / {{job}} lacks {{dependency}}': 'every service has what it needs',
  'Analysis by LLMs / Cost, 24 h / {{provider}}': NO_PROVIDER,
  'Analysis by LLMs / Left alone / {{provider}}': NO_PROVIDER,
  'Analysis by LLMs / Calls per second / {{provider}} {{result}}': NO_PROVIDER,
  'Analysis by LLMs / Time of a call, p99 / {{provider}}': NO_PROVIDER,
  'Analysis by LLMs / Tokens per second / {{provider}} {{direction}}': NO_PROVIDER,
};

/** Selectors in rules. */
export const QUIET_SELECTORS: Readonly<Record<string, string>> = {
  'up{job="minio"}': 'the embedded suite keeps its models in a folder',
};

/** Metrics that a service declares, and shows only once something has happened. */
export const QUIET_METRICS: Readonly<Record<string, string>> = {
  liminal_backend_llm_calls_total: NO_PROVIDER,
  liminal_backend_llm_call_duration_seconds: NO_PROVIDER,
  liminal_backend_llm_tokens_total: NO_PROVIDER,
  liminal_backend_llm_cost_usd_total: NO_PROVIDER,
  liminal_backend_llm_circuit_open_ratio: NO_PROVIDER,
};

/** Alerts that may fire on the first day of a platform. */
export const RIGHTLY_FIRING: Readonly<Record<string, string>> = {
  LiminalDriftAlarm: 'the first release was trained on a day on which all users were new',
  LiminalRetrainingRefused: 'a second release, trained on the same day, need not be better than the first',
};
