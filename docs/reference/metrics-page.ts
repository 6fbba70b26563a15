import { METRIC_LABELS } from '@liminal/shared/runtime/metric-labels';
import { HTTP_METRICS, type MetricGroup, NODE_METRICS, SERVICE_METRICS } from './declared-metrics.ts';
import { code, table } from './markdown.ts';

/** docs/metrics.md */
export function metricsPage(): string {
  const labels = Object.entries(METRIC_LABELS).map(([label, values]) => [code(label), values]);
  return `# Metrics

Written by \`pnpm run docs\` from the \`metrics.ts\` of the services; edit those. Every service answers \`GET /metrics\`.

${SERVICE_METRICS.map(section).join('\n\n')}

${section(HTTP_METRICS)}

## Node and process

Every service also has these of the Prometheus client: ${NODE_METRICS.metrics.map(({ name }) => code(name)).join(', ')}.

## Labels

No other label is allowed: none may carry a user, an address, a token, an id or free text, so that the number of series
stays bounded whatever the traffic is.

${table(['label', 'values'], labels)}
`;
}

function section({ part, metrics }: MetricGroup): string {
  const rows = metrics.map(({ name, type, labelNames, help }) => [
    code(name),
    type,
    labelNames.map(code).join(', '),
    help,
  ]);
  return `## ${part}\n\n${table(['metric', 'type', 'labels', 'is'], rows)}`;
}
