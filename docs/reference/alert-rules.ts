import { readdirSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { readText } from './repository.ts';

const RULES = 'deploy/prometheus/rules';
const TESTS = 'deploy/prometheus/tests';

const SEVERITIES = ['critical', 'warning', 'info'] as const;

const recordSchema = z.strictObject({
  record: z.string().regex(/^liminal:[a-z0-9_]+:[a-z0-9_]+$/),
  expr: z.union([z.string(), z.number()]).transform(String),
  labels: z.record(z.string(), z.string()).default({}),
});
const alertSchema = z.strictObject({
  alert: z.string().regex(/^Liminal[A-Z][A-Za-z]+$/),
  expr: z.string(),
  for: z.string().optional(),
  labels: z.looseObject({ severity: z.enum(SEVERITIES), job: z.string().optional() }),
  annotations: z.strictObject({ summary: z.string(), description: z.string(), runbook_url: z.string() }),
});
const fileSchema = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      interval: z.string().optional(),
      rules: z.array(z.union([recordSchema, alertSchema])),
    }),
  ),
});

export type RecordingRule = z.infer<typeof recordSchema>;
export type AlertRule = z.infer<typeof alertSchema>;
type Rule = RecordingRule | AlertRule;

const sampleSchema = z.strictObject({ labels: z.string(), value: z.number() });
const testSchema = z.strictObject({
  name: z.string(),
  interval: z.string(),
  input_series: z.array(z.strictObject({ series: z.string(), values: z.string() })),
  promql_expr_test: z.array(
    z.strictObject({ expr: z.string(), eval_time: z.string(), exp_samples: z.array(sampleSchema) }),
  ),
});
const testFileSchema = z.strictObject({
  rule_files: z.array(z.string()),
  evaluation_interval: z.string(),
  tests: z.array(testSchema),
});
/** A test of promtool. */
export type RuleTest = z.infer<typeof testSchema>;

const isAlert = (rule: Rule): rule is AlertRule => 'alert' in rule;

const yamlFilesOf = (folder: string): string[] =>
  readdirSync(new URL(`../../${folder}`, import.meta.url)).map((file) => `${folder}/${file}`);

/** Every rule that Prometheus evaluates, with the path of its file. */
const RULE_FILES = yamlFilesOf(RULES).map((path) => {
  return { path, rules: fileSchema.parse(parse(readText(path))).groups.flatMap(({ rules }) => rules) };
});

export const RECORDS: readonly RecordingRule[] = RULE_FILES.flatMap(({ rules }) =>
  rules.filter((rule): rule is RecordingRule => !isAlert(rule)),
);

/** Rules of one name are one alert, of several severities or directions. */
export const ALERTS: readonly AlertRule[] = RULE_FILES.flatMap(({ rules }) => rules.filter(isAlert));

export const THRESHOLDS_FILE = `${RULES}/thresholds.yml`;
export const RULE_PATHS: readonly string[] = RULE_FILES.map(({ path }) => path);
export const TEST_PATHS: readonly string[] = yamlFilesOf(TESTS);

/** Every test of promtool, with the interval at which it evaluates the rules. */
export const RULE_TESTS: readonly (RuleTest & { evaluationInterval: string })[] = TEST_PATHS.flatMap((path) => {
  const { evaluation_interval: evaluationInterval, tests } = testFileSchema.parse(parse(readText(path)));
  return tests.map((test) => ({ ...test, evaluationInterval }));
});

/** Labels of a sample as promtool writes them: `NAME{label="value",…}`. */
export function sampleLabels(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, value]) => [label!, value!]));
}

/** Whether a sample that a test expects is one that the rule gives. */
export function isSampleOf({ alert, labels }: AlertRule, sample: string): boolean {
  const found = sampleLabels(sample);
  return (
    found.alertname === alert &&
    // Labels that are templates are whatever the series say.
    Object.entries(labels).every(([label, value]) => String(value).includes('{{') || found[label] === value)
  );
}
