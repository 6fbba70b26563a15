import { HTTP_METRICS, NODE_METRICS, SERVICE_METRICS, seriesOf } from './declared-metrics.ts';
import { queryNames } from './query-names.ts';
import { isAlert, RULES } from './rule-files.ts';

/** Labels that Prometheus adds to every series that it scrapes. */
const TARGET_LABELS = ['job', 'instance'];

/** Of Prometheus itself, with their labels. */
const PROMETHEUS_SERIES: Record<string, string[]> = {
  up: [],
  scrape_duration_seconds: [],
  scrape_samples_scraped: [],
  ALERTS: ['alertname', 'alertstate', 'severity'],
  prometheus_rule_group_last_duration_seconds: ['rule_group'],
  prometheus_rule_evaluation_failures_total: ['rule_group'],
  prometheus_notifications_dropped_total: [],
};

/** Of redis_exporter, the same in 1.45 (Debian) and 1.90 (Compose). */
const REDIS_SERIES: Record<string, string[]> = {
  redis_up: [],
  redis_memory_used_bytes: [],
  redis_memory_used_rss_bytes: [],
  redis_memory_max_bytes: [],
  redis_commands_processed_total: [],
  redis_connected_clients: [],
  redis_blocked_clients: [],
  redis_evicted_keys_total: [],
  redis_rejected_connections_total: [],
  redis_db_keys: ['db'],
  redis_aof_current_size_bytes: [],
  redis_aof_last_write_status: [],
};

/** Named by an alert, and declared as soon as there is an analysis by LLMs. */
const ANNOUNCED_SERIES: Record<string, string[]> = { liminal_backend_llm_spent_usd_ratio: ['window'] };

/** Metrics of the services, all together. */
export const OWN_METRICS = [...SERVICE_METRICS, HTTP_METRICS].flatMap(({ metrics }) => metrics);

const declared = [...OWN_METRICS, ...NODE_METRICS.metrics].flatMap((metric) =>
  seriesOf(metric).map((name): [string, string[]] => {
    const bucket = name.endsWith('_bucket') ? ['le'] : [];
    return [name, [...metric.labelNames, ...bucket, ...TARGET_LABELS]];
  }),
);

const scraped: [string, string[]][] = Object.entries({
  ...PROMETHEUS_SERIES,
  ...REDIS_SERIES,
  ...ANNOUNCED_SERIES,
}).map(([name, labels]) => [name, [...labels, ...TARGET_LABELS]]);

/** Every series that a dashboard or a rule may ask for, and the labels that it may carry. */
export const KNOWN_SERIES: ReadonlyMap<string, readonly string[]> = withRecorded(new Map([...declared, ...scraped]));

function withRecorded(known: Map<string, string[]>): Map<string, string[]> {
  for (const rule of RULES) {
    if (isAlert(rule)) continue;
    const { series, groupLabels } = queryNames(rule.expr);
    const isCopy = groupLabels.length === 0 && !/\b(?:sum|min|max|count|avg)\b/.test(rule.expr);
    const copied = isCopy ? series.flatMap(({ name }) => known.get(name) ?? []) : [];
    const labels = [...(known.get(rule.record) ?? []), ...copied, ...groupLabels, ...Object.keys(rule.labels)];
    known.set(rule.record, [...new Set(labels)]);
  }
  return known;
}
