import { Counter, Histogram, type Registry } from 'prom-client';

/** Metrics of every service's HTTP server. */
export function createHttpMetrics(registry: Registry) {
  return {
    internalErrors: new Counter({
      name: 'liminal_http_internal_errors_total',
      help: 'Requests that ended with an unexpected error, status 500: a defect',
      registers: [registry],
    }),
    requestDuration: new Histogram({
      name: 'liminal_http_request_duration_seconds',
      help: 'Time from the arrival of a request to the end of its answer',
      labelNames: ['method', 'route', 'status'] as const,
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      registers: [registry],
    }),
  };
}
