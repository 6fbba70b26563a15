import { readdirSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { readText } from './repository.ts';

const FOLDER = 'deploy/prometheus/rules';

const recording = z.object({
  record: z.string(),
  expr: z.coerce.string(),
  labels: z.record(z.string(), z.string()).default({}),
});
const alerting = z.object({
  alert: z.string(),
  expr: z.string(),
  labels: z.record(z.string(), z.string()).default({}),
});

const file = z.object({
  groups: z.array(z.object({ name: z.string(), rules: z.array(z.union([recording, alerting])) })),
});

export type Rule = z.infer<typeof recording> | z.infer<typeof alerting>;
export const isAlert = (rule: Rule): rule is z.infer<typeof alerting> => 'alert' in rule;

/** Every rule of deploy/prometheus/rules/. */
export const RULES: readonly Rule[] = readdirSync(new URL(`../../${FOLDER}`, import.meta.url)).flatMap((name) =>
  file.parse(parse(readText(`${FOLDER}/${name}`))).groups.flatMap(({ rules }) => rules),
);
