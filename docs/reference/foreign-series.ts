/** Series of others that rules and dashboards ask for, with their own labels. */
export const FOREIGN_SERIES: ReadonlyMap<string, readonly string[]> = new Map([
  // Of Prometheus itself.
  ['up', []],
  ['scrape_duration_seconds', []],
  ['scrape_samples_scraped', []],
  ['ALERTS', ['alertname', 'alertstate', 'severity']],
  ['prometheus_rule_group_last_duration_seconds', ['rule_group']],
  ['prometheus_rule_evaluation_failures_total', ['rule_group']],
  ['prometheus_notifications_dropped_total', ['alertmanager']],
  // Of redis_exporter, the same in 1.45 (Debian) and in the version of Compose.
  ['redis_up', []],
  ['redis_memory_used_bytes', []],
  ['redis_memory_used_rss_bytes', []],
  ['redis_memory_max_bytes', []],
  ['redis_commands_processed_total', []],
  ['redis_connected_clients', []],
  ['redis_blocked_clients', []],
  ['redis_evicted_keys_total', []],
  ['redis_rejected_connections_total', []],
  ['redis_db_keys', ['db']],
  ['redis_aof_current_size_bytes', []],
  ['redis_aof_last_write_status', []],
]);
