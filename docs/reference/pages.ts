import { errorsPage } from './errors-page.ts';
import { metricsPage } from './metrics-page.ts';

/** Pages of docs/ that are written from the code. */
export const PAGES = { 'metrics.md': metricsPage, 'errors.md': errorsPage } as const;

export const DOCS = new URL('../', import.meta.url);
