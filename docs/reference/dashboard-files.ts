import { readdirSync } from 'node:fs';
import { z } from 'zod';
import { readText } from './repository.ts';

const FOLDER = 'deploy/grafana/dashboards';

const dataSource = z.strictObject({ type: z.literal('prometheus'), uid: z.literal('prometheus') });
const text = z.string().trim().min(1);

const target = z.object({
  refId: z.string().regex(/^[A-Z]$/),
  datasource: dataSource,
  expr: text,
  legendFormat: text,
  instant: z.boolean(),
  range: z.boolean(),
});

const gridPos = z.strictObject({ x: z.int(), y: z.int(), w: z.int(), h: z.int() });

const row = z.object({
  type: z.literal('row'),
  id: z.int(),
  title: text,
  gridPos,
  collapsed: z.literal(false),
  panels: z.array(z.unknown()).length(0),
});

const link = z.object({ title: text, url: text, type: z.literal('link'), targetBlank: z.literal(false) });

const panel = z.object({
  type: z.enum(['stat', 'timeseries', 'state-timeline', 'bargauge', 'table']),
  id: z.int(),
  title: text,
  description: z.string().min(20),
  datasource: dataSource,
  gridPos,
  targets: z.array(target).min(1),
  links: z.array(link).min(1),
  fieldConfig: z.object({
    defaults: z.object({
      unit: text,
      thresholds: z.object({
        mode: z.literal('absolute'),
        steps: z.array(z.object({ color: text, value: z.number().nullable() })).min(1),
      }),
    }),
  }),
});

const page = z.object({
  type: z.literal('text'),
  id: z.int(),
  title: text,
  gridPos,
  links: z.array(link).min(1),
  options: z.object({ mode: z.literal('markdown'), content: z.string().min(50) }),
});

const variable = z.object({
  type: z.literal('query'),
  name: z.string().regex(/^[a-z]+$/),
  label: text,
  description: text,
  datasource: dataSource,
  query: z.object({ query: z.string().regex(/^label_values\(.+, \w+\)$/), refId: text }),
  definition: text,
  allValue: z.literal('.+'),
});

const annotation = z.object({
  name: text,
  datasource: dataSource,
  enable: z.boolean(),
  iconColor: text,
  expr: text,
  titleFormat: text,
  useValueForTime: z.boolean(),
});

/** What Grafana needs of a dashboard, and what we want of ours. */
const dashboardSchema = z.object({
  uid: z.string().regex(/^[a-z0-9-]{1,40}$/),
  title: text,
  description: text,
  // The last one of dashboards in this form; Grafana 12 and 13 read it as it is.
  schemaVersion: z.literal(42),
  editable: z.literal(false),
  tags: z.tuple([z.literal('liminal')]),
  time: z.strictObject({ from: text, to: z.literal('now') }),
  refresh: text,
  templating: z.object({ list: z.array(variable) }),
  annotations: z.object({ list: z.array(annotation) }),
  panels: z.array(z.discriminatedUnion('type', [row, panel, page])).min(1),
});

export type Dashboard = z.infer<typeof dashboardSchema>;
export type Panel = z.infer<typeof panel>;
export type Variable = z.infer<typeof variable>;

/** A file and what stands in it; throws what is wrong with it. */
export const readDashboard = (file: string): Dashboard =>
  dashboardSchema.parse(JSON.parse(readText(`${FOLDER}/${file}`)));

export const DASHBOARD_FILES: readonly string[] = readdirSync(new URL(`../../${FOLDER}`, import.meta.url));

export const panelsOf = ({ panels }: Dashboard): Panel[] =>
  panels.filter((each) => each.type !== 'row' && each.type !== 'text');

/** A query, with what it is called in messages and lists. */
export interface NamedQuery {
  /** `Overview / Drift / {{legend}}` */
  name: string;
  query: string;
  /** Asked over the time of the dashboard, not only of now. */
  isRange: boolean;
}

/** Everything that a dashboard asks Prometheus. */
export function queriesOf(dashboard: Dashboard): NamedQuery[] {
  const { title, annotations } = dashboard;
  return [
    ...panelsOf(dashboard).flatMap((panel) =>
      panel.targets.map(({ expr, legendFormat, range }) => ({
        name: `${title} / ${panel.title} / ${legendFormat}`,
        query: expr,
        isRange: range,
      })),
    ),
    ...annotations.list.map(({ name, expr }) => ({ name: `annotation / ${name}`, query: expr, isRange: true })),
  ];
}

/** The selector that a variable takes the values of a label of. */
export function sourceOf({ query: { query } }: Variable): { selector: string; label: string } {
  const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec(query)!;
  return { selector: selector!, label: label! };
}
