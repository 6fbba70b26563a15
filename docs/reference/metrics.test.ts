import { METRIC_LABELS, NODE_METRIC_LABELS } from '@liminal/shared/runtime/metric-labels';
import { describe, expect, it } from 'vitest';
import { ALERTS, RECORDS } from './alert-rules.ts';
import { DASHBOARD_FILES, queriesOf, readDashboard } from './dashboard-files.ts';
import { NODE_METRICS, seriesOf } from './declared-metrics.ts';
import { KNOWN_SERIES, OWN_METRICS } from './known-series.ts';
import { queryNames } from './query-names.ts';
import { UNUSED_METRICS } from './unused-metrics.ts';

describe('metrics', () => {
  it.each(OWN_METRICS)('$name carries labels with bounded values only', ({ labelNames }) => {
    expect(labelNames.filter((label) => !(label in METRIC_LABELS))).toEqual([]);
  });

  it('of Node carry the labels that are known of them', () => {
    const labels = new Set(NODE_METRICS.metrics.flatMap(({ labelNames }) => labelNames));
    expect([...labels].sort()).toEqual([...NODE_METRIC_LABELS].sort());
  });

  it.each(OWN_METRICS)('$name names its unit, and its part of the platform', ({ name, type }) => {
    expect(name).toMatch(/^liminal_[a-z0-9]+(_[a-z0-9]+)+$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    if (type === 'histogram') expect(name).toMatch(/_(seconds|bytes|events|ratio)$/);
  });

  it('are declared by one service each', () => {
    const names = OWN_METRICS.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });
});

const asked = DASHBOARD_FILES.flatMap((file) => queriesOf(readDashboard(file)));

describe('queries of dashboards', () => {
  it.each(asked)('ask only for what there is: $name: $query', ({ query }) => {
    const { series, groupLabels } = queryNames(query);
    expect(series.length).toBeGreaterThan(0);
    for (const { name, labels } of series) {
      const known = KNOWN_SERIES.get(name);
      expect(known, `${name} is declared by no service, and recorded by no rule`).toBeDefined();
      expect(
        labels.filter((label) => !known!.includes(label)),
        `labels of ${name}`,
      ).toEqual([]);
    }
    const known = series.flatMap(({ name }) => KNOWN_SERIES.get(name)!);
    expect(groupLabels.filter((label) => !known.includes(label))).toEqual([]);
  });

  it('and rules use every metric, but those that a list says why of', () => {
    const queries = [...asked.map(({ query }) => query), ...[...ALERTS, ...RECORDS].map(({ expr }) => expr)];
    const used = new Set(queries.flatMap((query) => queryNames(query).series.map(({ name }) => name)));
    const unused = OWN_METRICS.filter((metric) => !seriesOf(metric).some((name) => used.has(name)));
    expect(unused.map(({ name }) => name)).toEqual(Object.keys(UNUSED_METRICS));
  });
});

describe('names in a query', () => {
  it('are series with their selectors, not functions, operators, durations or text', () => {
    const query =
      'histogram_quantile(0.99, sum by (job, le) (rate(a_bucket{route!~"/x|b{c}", s="1"}[5m]))) or 0 * d offset 1h';
    expect(queryNames(query)).toEqual({
      series: [
        { name: 'a_bucket', labels: ['route', 's'], selector: 'a_bucket{route!~"/x|b{c}", s="1"}' },
        { name: 'd', labels: [], selector: 'd' },
      ],
      groupLabels: ['job', 'le'],
    });
  });
});
