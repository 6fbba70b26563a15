import { readdirSync } from 'node:fs';
import { METRIC_LABELS, NODE_METRIC_LABELS } from '@liminal/shared/runtime/metric-labels';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { HTTP_METRICS, NODE_METRICS, SERVICE_METRICS, seriesOf } from './declared-metrics.ts';
import { queryNames } from './query-names.ts';
import { readText } from './repository.ts';

const OWN = [...SERVICE_METRICS, HTTP_METRICS].flatMap(({ metrics }) => metrics);
const DECLARED = [...OWN, ...NODE_METRICS.metrics];
/** What Prometheus adds to every target and series by itself. */
const PROMETHEUS_SERIES = ['up', 'scrape_duration_seconds', 'scrape_samples_scraped'];
const PROMETHEUS_LABELS = ['job', 'instance'];

describe('metrics', () => {
  it.each(OWN)('$name carries labels with bounded values only', ({ labelNames }) => {
    expect(labelNames.filter((label) => !(label in METRIC_LABELS))).toEqual([]);
  });

  it('of Node carry the labels that are known of them', () => {
    const labels = new Set(NODE_METRICS.metrics.flatMap(({ labelNames }) => labelNames));
    expect([...labels].sort()).toEqual([...NODE_METRIC_LABELS].sort());
  });

  it.each(OWN)('$name names its unit, and its part of the platform', ({ name, type }) => {
    expect(name).toMatch(/^liminal_[a-z0-9]+(_[a-z0-9]+)+$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    if (type === 'histogram') expect(name).toMatch(/_(seconds|bytes|events|ratio)$/);
  });

  it('are declared by one service each', () => {
    const names = OWN.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });
});

const FOLDER = 'deploy/grafana/dashboards';
const labelsOf = new Map<string, readonly string[]>([
  ...PROMETHEUS_SERIES.map((name) => [name, PROMETHEUS_LABELS] as const),
  ...DECLARED.flatMap((metric) =>
    seriesOf(metric).map((name) => {
      const bucket = name.endsWith('_bucket') ? ['le'] : [];
      return [name, [...metric.labelNames, ...bucket, ...PROMETHEUS_LABELS]] as const;
    }),
  ),
]);

const targetSchema = z.object({ expr: z.string().optional() });
const panelSchema = z.object({
  title: z.string(),
  targets: z.array(targetSchema).default([]),
  get panels() {
    return z.array(panelSchema).default([]);
  },
});
type Panel = z.infer<typeof panelSchema>;

const queriesOf = (panels: readonly Panel[]): { panel: string; query: string }[] =>
  panels.flatMap(({ title, targets, panels: inner }) => [
    ...targets.flatMap(({ expr }) => (expr === undefined ? [] : [{ panel: title, query: expr }])),
    ...queriesOf(inner),
  ]);

describe.each(readdirSync(new URL(`../../${FOLDER}`, import.meta.url)))('the dashboard %s', (file) => {
  const { panels } = z.object({ panels: z.array(panelSchema) }).parse(JSON.parse(readText(`${FOLDER}/${file}`)));
  const queries = queriesOf(panels);

  it('asks for something', () => expect(queries.length).toBeGreaterThan(0));

  it.each(queries)('asks only for what a service declares: $panel: $query', ({ query }) => {
    const { series, groupLabels } = queryNames(query);
    expect(series.length).toBeGreaterThan(0);
    for (const { name, labels } of series) {
      const known = labelsOf.get(name);
      expect(known, `${name} is declared by no service`).toBeDefined();
      expect(labels.filter((label) => !known!.includes(label), `labels of ${name}`)).toEqual([]);
    }
    const known = series.flatMap(({ name }) => labelsOf.get(name)!);
    expect(groupLabels.filter((label) => !known.includes(label))).toEqual([]);
  });
});

describe('names in a query', () => {
  it('are series with their selectors, not functions, operators, durations or text', () => {
    const query =
      'histogram_quantile(0.99, sum by (job, le) (rate(a_bucket{route!~"/x|b{c}", s="1"}[5m]))) or 0 * d offset 1h';
    expect(queryNames(query)).toEqual({
      series: [
        { name: 'a_bucket', labels: ['route', 's'] },
        { name: 'd', labels: [] },
      ],
      groupLabels: ['job', 'le'],
    });
  });
});
