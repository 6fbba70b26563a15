import { createBuildInfo } from '@liminal/shared/runtime/build-info';
import { createHttpMetrics } from '@liminal/shared/runtime/http-metrics';
import { createReadinessMetrics } from '@liminal/shared/runtime/readiness-metrics';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { z } from 'zod';
import { SERVICE_DECLARATIONS } from './service-catalogue.ts';

// The client's own type leaves out the labels, and has numbers for the types.
const metricSchema = z.object({
  name: z.string(),
  type: z.enum(['counter', 'gauge', 'histogram', 'summary']),
  help: z.string(),
  labelNames: z.array(z.string()),
});

export type DeclaredMetric = z.infer<typeof metricSchema>;

/** The metrics of a part, in the order in which they are declared. */
export interface MetricGroup {
  /** A service, or what all services have. */
  part: string;
  metrics: DeclaredMetric[];
}

/** Metrics that all services have beside their own. */
export const HTTP_METRICS: MetricGroup = {
  part: 'every service',
  metrics: declaredBy((registry) => {
    createBuildInfo(registry, 'any');
    createHttpMetrics(registry);
    createReadinessMetrics(registry, { report: async () => ({ ready: true, dependencies: {} }) });
  }),
};

/** Metrics of Node and the process, from the Prometheus client. */
export const NODE_METRICS: MetricGroup = {
  part: 'Node',
  metrics: declaredBy((registry) => collectDefaultMetrics({ register: registry })),
};

/** Every service's own metrics. */
export const SERVICE_METRICS: readonly MetricGroup[] = SERVICE_DECLARATIONS.map(({ name, createMetrics }) => ({
  part: name,
  metrics: declaredBy(createMetrics),
}));

function declaredBy(declare: (registry: Registry) => unknown): DeclaredMetric[] {
  const registry = new Registry();
  declare(registry);
  return z.array(metricSchema).parse(registry.getMetricsAsArray());
}

/** Names of the series that a scrape of the metric gives. */
export function seriesOf({ name, type }: DeclaredMetric): string[] {
  if (type === 'histogram') return [`${name}_bucket`, `${name}_sum`, `${name}_count`];
  return [name];
}
