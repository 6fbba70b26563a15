import { DashboardLinkBuilder, DashboardLinkType } from '@grafana/grafana-foundation-sdk/dashboard';
import { RUNBOOKS_UID, runbookUrl } from './runbook-entries.ts';

/** Every dashboard: its address in Grafana, `/d/<uid>`, which must never change, and its title. */
export const DASHBOARDS = {
  overview: { uid: 'liminal-overview', title: 'Overview' },
  pipeline: { uid: 'liminal-pipeline', title: 'Pipeline' },
  anomalies: { uid: 'liminal-anomalies', title: 'Anomalies' },
  analysis: { uid: 'liminal-analysis', title: 'Analysis by LLMs' },
  models: { uid: 'liminal-models', title: 'Models & releases' },
  drift: { uid: 'liminal-drift', title: 'Drift & retraining' },
  http: { uid: 'liminal-http', title: 'HTTP' },
  runbooks: { uid: RUNBOOKS_UID, title: 'Runbooks' },
  infrastructure: { uid: 'liminal-node-redis', title: 'Node & Redis' },
} as const;

export type DashboardName = keyof typeof DASHBOARDS;

const link = (title: string, url: string): DashboardLinkBuilder =>
  new DashboardLinkBuilder(title).type(DashboardLinkType.Link).url(url).targetBlank(false);

/** To another dashboard, over the same time and with the same service, model and so on. */
export const next = (name: DashboardName): DashboardLinkBuilder =>
  link(DASHBOARDS[name].title, `/d/${DASHBOARDS[name].uid}?\${__url_time_range}&\${__all_variables}`);

/** To what to do about an alert. */
export const runbook = (alert: string): DashboardLinkBuilder => link(`Runbook: ${alert}`, runbookUrl(alert));

/** The menu of all dashboards at the top of each. */
export const menu = (tag: string): DashboardLinkBuilder =>
  new DashboardLinkBuilder('Dashboards')
    .type(DashboardLinkType.Dashboards)
    .tags([tag])
    .asDropdown(true)
    .includeVars(true)
    .keepTime(true);
