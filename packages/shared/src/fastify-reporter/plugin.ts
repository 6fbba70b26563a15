import type { FastifyInstance, FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { EventReporter, type ReportedEvent, type ReporterCounters, type ReporterOptions } from './reporter.ts';
import { CLIENT_CLOSED_REQUEST, type RequestOutcome, toRequestEvent } from './request-event.ts';

export type { Drop, DropReason, ReportedEvent, ReporterCounters, ReporterOptions } from './reporter.ts';

export interface LiminalReporterOptions extends ReporterOptions {
  /** Who made the request, asked after the answer is out. Without an answer the user is `ip:<address>`. */
  getUser(request: FastifyRequest): string | undefined;
  /** An id of the token that the request was made with. Never the token itself: hash it if there is no id. */
  getTokenId?(request: FastifyRequest): string | undefined;
}

export interface Liminal {
  /** Reports a login, a token or a channel event. Returns at once and never throws. */
  report(event: ReportedEvent): void;
  /** What became of the events so far. */
  readonly counters: ReporterCounters;
}

declare module 'fastify' {
  interface FastifyInstance {
    liminal: Liminal;
  }
}

/** Taken when a request comes in: a socket that was closed meanwhile has no address any more. */
interface Arrival {
  ip: string;
  /** By the monotonic clock, ms. */
  at: number;
}

/**
 * Reports the requests of a Fastify application to Resonance Liminal ML, and through `app.liminal.report` what else its
 * users do. Events go out in the background; the application waits for nothing but the last flush of `close`, which is
 * bounded by `closeTimeoutMs`. Throws at registration, and only there, for options that can't be used.
 */
async function reporterPlugin(app: FastifyInstance, options: LiminalReporterOptions): Promise<void> {
  const reporter = new EventReporter(options);
  const arrivals = new WeakMap<FastifyRequest, Arrival>();
  app.decorate('liminal', {
    report: (event: ReportedEvent) => reporter.report(event),
    get counters() {
      return reporter.counters;
    },
  });
  app.addHook('onRequest', (request, _reply, done) => {
    arrivals.set(request, { ip: request.ip || 'unknown', at: performance.now() });
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    reportRequest(request, reply.statusCode, reply.getHeader('content-length'));
    done();
  });
  app.addHook('onRequestAbort', (request, done) => {
    reportRequest(request, CLIENT_CLOSED_REQUEST);
    done();
  });
  app.addHook('onClose', () => reporter.close());

  function reportRequest(
    request: FastifyRequest,
    status: number,
    contentLength?: RequestOutcome['contentLength'],
  ): void {
    const arrival = arrivals.get(request);
    if (arrival === undefined) return;
    // Fastify does not promise that only one of the two hooks runs: one request is one event.
    arrivals.delete(request);
    try {
      const identity = { user: options.getUser(request), tokenId: options.getTokenId?.(request), ip: arrival.ip };
      const durationMs = performance.now() - arrival.at;
      reporter.report(toRequestEvent(request, identity, { status, durationMs, contentLength }));
    } catch (error) {
      // Of the application's own functions; it sees them counted and in onDrop, its requests go on.
      reporter.reportFailed(error);
    }
  }
}

export default fastifyPlugin(reporterPlugin, { name: 'liminal-reporter', fastify: '5.x' });
