import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { analysis } from './analysis.ts';
import { anomalies } from './anomalies.ts';
import { drift } from './drift.ts';
import { http } from './http.ts';
import { infrastructure } from './infrastructure.ts';
import type { DashboardName } from './links.ts';
import { models } from './models.ts';
import { overview } from './overview.ts';
import { pipeline } from './pipeline.ts';
import { runbooks } from './runbooks.ts';

const BUILT: Record<DashboardName, () => Dashboard> = {
  overview,
  pipeline,
  anomalies,
  analysis,
  models,
  drift,
  http,
  infrastructure,
  runbooks,
};

/** Files of deploy/grafana/dashboards/, and what stands in each. */
export const DASHBOARD_FILES: Readonly<Record<string, () => string>> = Object.fromEntries(
  Object.entries(BUILT).map(([name, build]) => [
    `${name}.json`,
    () => JSON.stringify(build(), withoutPlacement, 2) + '\n',
  ]),
);

/** The SDK puts every link and annotation into a menu of its own, which hides them one click away. */
function withoutPlacement(key: string, value: unknown): unknown {
  return key === 'placement' && value === 'inControlsMenu' ? undefined : value;
}
