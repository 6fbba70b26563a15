/** Series of others that rules and dashboards ask for, with their own labels. */
export const FOREIGN_SERIES: ReadonlyMap<string, readonly string[]> = new Map([
  // Of Prometheus itself.
  ['up', []],
  ['prometheus_rule_evaluation_failures_total', ['rule_group']],
  ['prometheus_notifications_dropped_total', ['alertmanager']],
  // Of redis_exporter.
  ['redis_up', []],
  ['redis_memory_used_bytes', []],
  ['redis_memory_max_bytes', []],
  ['redis_evicted_keys_total', []],
  ['redis_aof_last_write_status', []],
  // Of the backend, once it asks LLMs for analyses.
  ['liminal_backend_llm_spent_usd_ratio', ['window']],
]);
