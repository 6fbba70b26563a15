import { DASHBOARD_FILES } from '../../deploy/grafana/source/catalogue.ts';
import { errorsPage } from './errors-page.ts';
import { metricsPage } from './metrics-page.ts';

const dashboards = Object.entries(DASHBOARD_FILES).map(([file, page]) => [`deploy/grafana/dashboards/${file}`, page]);

/** Files that are written from the code, by their path from the root of the repository. */
export const PAGES: Readonly<Record<string, () => string>> = {
  'docs/metrics.md': metricsPage,
  'docs/errors.md': errorsPage,
  ...Object.fromEntries(dashboards),
};
