import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import {
  ALERTS,
  type AlertRule,
  isSampleOf,
  RECORDS,
  type RecordingRule,
  RULE_PATHS,
  RULE_TESTS,
  sampleLabels,
  TEST_PATHS,
} from '../../docs/reference/alert-rules.ts';
import { queryNames } from '../../docs/reference/query-names.ts';
import { mutantsOf } from './mutants.ts';
import { findProgram, runProgram, skipsWithout } from './promtool.ts';

const promtool = findProgram('promtool');
const fromRoot = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Constants that an alert asks for, and the series recorded beside it that tests do not give themselves. */
function recordsFor(alert: AlertRule): RecordingRule[] {
  const byName = new Map<string, RecordingRule[]>();
  for (const rule of RECORDS) byName.set(rule.record, [...(byName.get(rule.record) ?? []), rule]);
  const given = new Set(testsOf(alert).flatMap(({ input_series }) => input_series.map(({ series }) => nameOf(series))));
  const found = new Set<RecordingRule>();
  const add = (expr: string): void => {
    for (const { name, selected } of selectorsIn(expr)) {
      if (given.has(name)) continue;
      for (const record of byName.get(name) ?? []) {
        const isSelected = Object.entries(selected).every(([label, value]) => record.labels[label] === value);
        if (!isSelected || found.has(record) || !fits(alert, record)) continue;
        found.add(record);
        add(record.expr);
      }
    }
  };
  add(alert.expr);
  return [...found];
}

/** Of constants with a label that the alert selects, such as the reader, only its own. */
function fits({ expr }: AlertRule, { labels }: RecordingRule): boolean {
  return Object.entries(labels).every(([label, value]) => {
    const selector = new RegExp(`\\b${label}=~?"([^"]*)"`).exec(expr)?.[1];
    return (
      selector === undefined || new RegExp(`\\b${label}="${value}"`).test(expr) || selector.split('|').includes(value)
    );
  });
}

const nameOf = (series: string): string => /^[\w:]+/.exec(series)![0];

function selectorsIn(expr: string): { name: string; selected: Record<string, string> }[] {
  return queryNames(expr).series.flatMap(({ name }) =>
    [...expr.matchAll(new RegExp(`(?<![\\w:])${name}(\\{[^}]*\\})?(?![\\w:])`, 'g'))].map(([, labels]) => ({
      name,
      selected: sampleLabels(labels ?? ''),
    })),
  );
}

const testsOf = ({ alert }: AlertRule) => RULE_TESTS.filter(({ name }) => name.includes(alert));

/** The tests of an alert, with nothing expected of others. */
function testFileOf(alert: AlertRule, rules: string): string {
  const tests = testsOf(alert).map(({ evaluationInterval: _, promql_expr_test, ...test }) => ({
    ...test,
    promql_expr_test: promql_expr_test.map(({ exp_samples, ...query }) => ({
      ...query,
      exp_samples: exp_samples.filter(({ labels }) => isSampleOf(alert, labels)),
    })),
  }));
  const [first] = testsOf(alert);
  return stringify({ rule_files: [rules], evaluation_interval: first!.evaluationInterval, tests });
}

async function expectFine(args: readonly string[]): Promise<void> {
  const { isFine, output } = await runProgram(promtool!, args);
  expect(isFine, output).toBe(true);
}

describe.skipIf(skipsWithout(promtool, 'promtool', 'prometheus'))('promtool', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'liminal-alerts-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it('takes the configuration', () => expectFine(['check', 'config', fromRoot('deploy/prometheus/prometheus.yml')]));

  it('takes the rules', () => expectFine(['check', 'rules', ...RULE_PATHS.map(fromRoot)]));

  it('sees each alert fire and be quiet', () => expectFine(['test', 'rules', ...TEST_PATHS.map(fromRoot)]));

  it('sees when anything about an alert is wrong', async () => {
    const files = new Map<string, string>();
    const write = async (what: string, alert: AlertRule, rules: unknown[]): Promise<void> => {
      const name = String(files.size);
      await writeFile(join(directory, `${name}.rules.yml`), stringify({ groups: [{ name: 'all', rules }] }));
      await writeFile(join(directory, `${name}.test.yml`), testFileOf(alert, `${name}.rules.yml`));
      files.set(join(directory, `${name}.test.yml`), what);
    };
    for (const alert of ALERTS) {
      const records = recordsFor(alert);
      await write(`unchanged ${alert.alert} (${alert.labels.severity})`, alert, [...records, alert]);
      for (const { what, rules } of mutantsOf(alert, records)) await write(what, alert, rules);
    }
    const rules = [...files.keys()].map((file) => file.replace('.test.', '.rules.'));
    await expectFine(['check', 'rules', ...rules]);

    const paths = [...files.keys()];
    const halves = [paths.filter((_, index) => index % 2 === 0), paths.filter((_, index) => index % 2 === 1)];
    const runs = await Promise.all(halves.map((half) => runProgram(promtool!, ['test', 'rules', ...half])));
    const passed = new Set(
      runs.flatMap(({ output }) => [...output.matchAll(/Unit Testing: +(\S+)\n +SUCCESS/g)].map(([, path]) => path!)),
    );
    const unchanged = paths.filter((path) => files.get(path)!.startsWith('unchanged'));
    expect(unchanged.filter((path) => !passed.has(path)).map((path) => files.get(path))).toEqual([]);
    const survivors = paths
      .filter((path) => passed.has(path) && !unchanged.includes(path))
      .map((path) => files.get(path));
    expect(survivors).toEqual([]);
    console.log(`${paths.length - unchanged.length} mutants of ${unchanged.length} rules were all seen`);
  });
});
