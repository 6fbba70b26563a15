import { RECORDS } from './alert-rules.ts';
import { HTTP_METRICS, NODE_METRICS, SERVICE_METRICS, seriesOf } from './declared-metrics.ts';
import { FOREIGN_SERIES } from './foreign-series.ts';
import { queryNames } from './query-names.ts';

/** Labels that Prometheus adds to every series that it scrapes. */
const TARGET_LABELS = ['job', 'instance'];

/** Metrics of the services, all together. */
export const OWN_METRICS = [...SERVICE_METRICS, HTTP_METRICS].flatMap(({ metrics }) => metrics);

/** Every series that a dashboard may ask for, and the labels that it may carry. */
export const KNOWN_SERIES: ReadonlyMap<string, readonly string[]> = knownSeries();

function knownSeries(): Map<string, readonly string[]> {
  const known = new Map<string, readonly string[]>(
    [...FOREIGN_SERIES].map(([name, labels]) => [name, [...labels, ...TARGET_LABELS]]),
  );
  for (const metric of [...OWN_METRICS, ...NODE_METRICS.metrics]) {
    for (const name of seriesOf(metric)) {
      const bucket = name.endsWith('_bucket') ? ['le'] : [];
      known.set(name, [...metric.labelNames, ...bucket, ...TARGET_LABELS]);
    }
  }
  for (const { record, expr, labels } of RECORDS) {
    const { groupLabels } = queryNames(expr);
    known.set(record, [...(known.get(record) ?? []), ...groupLabels, ...Object.keys(labels)]);
  }
  return known;
}
