import type { onRequestHookHandler, onResponseHookHandler } from 'fastify';
import type { Tracer, TraceSpan } from './tracing.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Of a sampled request, while something is traced at all. */
    span: TraceSpan | undefined;
  }
}

/** What monitors ask for all the time. */
const UNTRACED = /^\/(health|ready|metrics|docs(\/.*)?)$/;

/**
 * Begins the spans of requests of known routes, continuing the caller's trace (W3C Trace Context). A span tells the pattern
 * of the route, never the path: users stand in paths.
 */
export const beginSpans =
  (tracer: Tracer): onRequestHookHandler =>
  (request, _reply, done) => {
    const route = request.routeOptions.url;
    if (route !== undefined && !UNTRACED.test(route)) {
      const { traceparent } = request.headers;
      const { method, id } = request;
      const attributes = { 'http.request.method': method, 'http.route': route, 'liminal.request.id': id };
      const parent = typeof traceparent === 'string' ? traceparent : undefined;
      request.span = tracer.receive(`${method} ${route}`, parent, attributes);
    }
    done();
  };

export const endSpans: onResponseHookHandler = ({ span }, { statusCode }, done) => {
  span?.set({ 'http.response.status_code': statusCode });
  span?.end(statusCode >= 500 ? new Error(`answered with ${statusCode}`) : undefined);
  done();
};
