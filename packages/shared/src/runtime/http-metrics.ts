import type { FastifyRequest, onResponseHookHandler } from 'fastify';
import { Counter, Histogram, type Registry } from 'prom-client';

/** Metrics of every service's HTTP server. */
export function createHttpMetrics(registry: Registry) {
  const requestDuration = new Histogram({
    name: 'liminal_http_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its answer',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    enableExemplars: true,
    // Registered below: the constructor refuses exemplars on a registry that is not of OpenMetrics, and this one is
    // rendered as either format (metrics-page.ts).
    registers: [],
  });
  registry.registerMetric(requestDuration);
  return {
    requestDuration,
    internalErrors: new Counter({
      name: 'liminal_http_internal_errors_total',
      help: 'Requests that ended with an unexpected error, status 500: a defect',
      registers: [registry],
    }),
  };
}

/** Callers choose the ids of their requests: only what is surely an id, and fits into an exemplar (128 characters), is shown. */
const SHOWN_ID = /^[\w.:-]{1,64}$/;
const NO_EXEMPLAR = {};

/** Measures every request, with its id, and that of its trace, as the exemplar of its bucket. */
export function observeRequests(registry: Registry): onResponseHookHandler {
  const { requestDuration, internalErrors } = createHttpMetrics(registry);
  return (request, reply, done) => {
    if (request.routeOptions.config.staysOpen === true && reply.statusCode < 400) return done();
    const route = request.routeOptions.url ?? 'unknown';
    requestDuration.observe({
      labels: { method: request.method, route, status: String(reply.statusCode) },
      value: reply.elapsedTime / 1000,
      exemplarLabels: exemplarOf(request),
    });
    if (reply.statusCode === 500) internalErrors.inc();
    done();
  };
}

function exemplarOf({ id, span }: FastifyRequest): Record<string, string> {
  if (!SHOWN_ID.test(id)) return NO_EXEMPLAR;
  return span === undefined ? { request_id: id } : { request_id: id, trace_id: span.traceId };
}
