import { describe, expect, it } from 'vitest';
import { ALERTS, type AlertRule, isSampleOf, RECORDS, RULE_TESTS, sampleLabels } from './alert-rules.ts';
import { HTTP_METRICS, NODE_METRICS, SERVICE_METRICS, seriesOf } from './declared-metrics.ts';
import { FOREIGN_SERIES } from './foreign-series.ts';
import { queryNames } from './query-names.ts';
import { readmeOf, readText } from './repository.ts';
import { SERVICE_DECLARATIONS } from './service-catalogue.ts';

const TARGET_LABELS = ['job', 'instance'];
const known = new Map<string, readonly string[]>([
  ...[...SERVICE_METRICS, HTTP_METRICS, NODE_METRICS].flatMap(({ metrics }) =>
    metrics.flatMap((metric) =>
      seriesOf(metric).map((name) => {
        const bucket = name.endsWith('_bucket') ? ['le'] : [];
        return [name, [...metric.labelNames, ...bucket, ...TARGET_LABELS]] as const;
      }),
    ),
  ),
  ...[...FOREIGN_SERIES].map(([name, labels]) => [name, [...labels, ...TARGET_LABELS]] as const),
]);
/** The labels of a constant are its own; those of other recorded series depend on the expression. */
const recorded = new Map(RECORDS.map(({ record, labels }) => [record, Object.keys(labels)]));

const named = ALERTS.map((rule) => ({ ...rule, title: `${rule.alert} (${rule.labels.severity})` }));
const expressions = [
  ...RECORDS.map(({ record, expr }) => ({ title: record, expr })),
  ...named.map(({ title, expr }) => ({ title, expr })),
];

describe('rules', () => {
  it.each(expressions)('ask only for what somebody declares: $title', ({ expr }) => {
    const { series, groupLabels } = queryNames(expr);
    for (const { name, labels } of series) {
      const labelsOf = known.get(name) ?? recorded.get(name);
      expect(labelsOf, `${name} is declared by nobody`).toBeDefined();
      expect(labels.filter((label) => !labelsOf!.includes(label), `labels of ${name}`)).toEqual([]);
    }
    const all = series.flatMap(({ name }) => known.get(name) ?? recorded.get(name)!);
    expect(groupLabels.filter((label) => !all.includes(label))).toEqual([]);
  });

  it('have every threshold in use', () => {
    const used = new Set(expressions.flatMap(({ expr }) => queryNames(expr).series.map(({ name }) => name)));
    expect([...recorded.keys()].filter((name) => name.startsWith('liminal:threshold:') && !used.has(name))).toEqual([]);
  });
});

describe.each(named)('$title', (rule: AlertRule & { title: string }) => {
  const { alert, expr, labels, annotations } = rule;
  const samples = RULE_TESTS.flatMap(({ promql_expr_test }) => promql_expr_test.flatMap((test) => test.exp_samples))
    .map((sample) => sample.labels)
    .filter((sample) => isSampleOf(rule, sample));

  it('has its thresholds in thresholds.yml', () => {
    const bare = expr.replace(/"[^"]*"/g, '').replace(/\[[^\]]*\]/g, '');
    const numbers = bare.match(/(?<![\w:])\d+(\.\d+)?(?![\w:])/g) ?? [];
    // Whether something is there is no threshold, and one minus the objective is the budget.
    expect(numbers.filter((number) => number !== '0' && number !== '1')).toEqual([]);
  });

  it('has a runbook entry', () => {
    expect(annotations.runbook_url).toBe(`docs/runbooks.md#${alert.toLowerCase()}`);
    expect(readText('docs/runbooks.md')).toContain(`\n### ${alert}\n`);
  });

  it('says in a test when it fires, and when not', () => {
    expect(samples.length).toBeGreaterThan(0);
    const quiet = RULE_TESTS.flatMap(({ promql_expr_test }) => promql_expr_test).filter(
      ({ expr: query, exp_samples }) =>
        exp_samples.length === 0 &&
        (query === 'ALERTS' || new RegExp(`alertname=~?"[^"]*\\b${alert}\\b`).test(query)) &&
        (!query.includes('severity=') || query.includes(`severity="${labels.severity}"`)),
    );
    expect(quiet.length).toBeGreaterThan(0);
  });

  it('tells only of labels that it has', () => {
    const text = `${annotations.summary} ${annotations.description}`;
    const used = [...text.matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label!);
    for (const sample of samples) {
      expect(used.filter((label) => !(label in sampleLabels(sample)))).toEqual([]);
      expect(sampleLabels(sample)).toHaveProperty('job');
    }
  });
});

describe('runbooks', () => {
  const page = readText('docs/runbooks.md');
  const names = new Set(ALERTS.map(({ alert }) => alert));

  it('are of alerts that there are', () => {
    const entries = [...page.matchAll(/^### (\S+)$/gm)].map(([, name]) => name!);
    expect(entries.filter((name) => !names.has(name))).toEqual([]);
    expect(entries.length).toBe(new Set(entries).size);
  });

  it.each([...page.matchAll(/^### (\S+)$/gm)].map(([, name]) => name!))('%s says all that it has to', (name) => {
    const entry = page.split(`\n### ${name}\n`)[1]!.split(/\n##/)[0]!;
    const parts = [...entry.matchAll(/^\*\*([^*]+)\*\*/gm)].map(([, part]) => part);
    expect(parts).toEqual(['Means.', 'How bad.', 'Look.', 'Do.', 'Fires wrongly when']);
  });

  it('link only to entries that there are', () => {
    const links = [page, ...SERVICE_DECLARATIONS.map(({ name }) => readmeOf(name))].flatMap((text) =>
      [...text.matchAll(/\[(Liminal\w+)\]\(([^)]*)\)/g)].map(([, name, target]) => ({ name: name!, target: target! })),
    );
    expect(links.length).toBeGreaterThan(0);
    for (const { name, target } of links) {
      expect(names).toContain(name);
      expect(target.split('#')[1]).toBe(name.toLowerCase());
    }
  });

  it.each(
    [
      ...page.matchAll(/^ {4}((?:sum|max|min|avg|rate|increase|histogram_quantile|liminal|redis|time|ALERTS)\b.*)$/gm),
    ].map(([, query]) => query!),
  )('asks only for what there is: %s', (query) => {
    for (const { name } of queryNames(query).series) {
      expect(known.has(name) || recorded.has(name) || name === 'ALERTS', name).toBe(true);
    }
  });
});
