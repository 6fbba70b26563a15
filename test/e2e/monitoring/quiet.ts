/** What has no data in a suite that runs as it should, and why. Everything else has to have some. */

/** Queries of panels, by `dashboard / panel / legend`. */
export const QUIET_QUERIES: Readonly<Record<string, string>> = {
  'Overview / Not ready / {{job}} lacks {{dependency}}': 'every service has what it needs',
  'Anomalies / Money spent, in budgets / {{window}}': 'nothing is asked of LLMs',
};

/** Selectors in rules. */
export const QUIET_SELECTORS: Readonly<Record<string, string>> = {
  'up{job="minio"}': 'the embedded suite keeps its models in a folder',
  liminal_backend_llm_spent_usd_ratio: 'nothing is asked of LLMs',
};

/** Metrics that a service declares, and shows only once something has happened. */
export const QUIET_METRICS: Readonly<Record<string, string>> = {};

/** Alerts that may fire on the first day of a platform. */
export const RIGHTLY_FIRING: Readonly<Record<string, string>> = {
  LiminalDriftAlarm: 'the first release was trained on a day on which all users were new',
  LiminalRetrainingRefused: 'a second release, trained on the same day, need not be better than the first',
};
