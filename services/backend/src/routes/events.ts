import { eventSchema } from '@liminal/shared/contracts/event';
import { LiminalError } from '@liminal/shared/runtime/errors';
import { errorBodySchema, type HttpServer } from '@liminal/shared/runtime/http-server';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type EventsHandlerOptions, takeEvents } from '../handlers/events.ts';
import { BODY_LIMIT_BYTES, type BodyFormat } from '../ingest/body.ts';

const FORMATS: Record<string, BodyFormat> = {
  'application/json': 'json',
  'application/x-ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
};

const takenSchema = z.object({
  accepted: z.int().describe('Events that are in Redis now because of this call'),
  duplicates: z.int().describe('Events whose id had come in before: they count once'),
});

/** The codes that the error handler of the HTTP server gives to what is no error of this service. */
const CODE_BY_STATUS: Record<number, string> = {
  500: 'LIMINAL_ERR_HTTP_INTERNAL',
  503: 'LIMINAL_ERR_REDIS_AWAY',
};

/** In a scope of its own: only here are bodies left as bytes. */
export async function addEventsRoutes(http: HttpServer, options: EventsHandlerOptions): Promise<void> {
  await http.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(Object.keys(FORMATS), { parseAs: 'buffer' }, (_request, body, done) => {
      done(null, body);
    });
    countRefusals(scope, options);
    scope.post(
      '/events',
      {
        bodyLimit: BODY_LIMIT_BYTES,
        // The schema is for the documentation. Events are checked one by one, between turns of the event loop.
        validatorCompiler: () => (value) => ({ value }),
        schema: {
          tags: ['events'],
          summary: 'Takes events whole or not at all: one object, an array, or one object a line (NDJSON)',
          consumes: Object.keys(FORMATS),
          body: z.union([eventSchema, z.array(eventSchema)]),
          response: { 202: takenSchema, 400: errorBodySchema, 413: errorBodySchema, 503: errorBodySchema },
        },
      },
      async (request, reply) => {
        options.metrics.calls.inc();
        const format = FORMATS[request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? ''] ?? 'json';
        return reply.code(202).send(await takeEvents(bytesOf(request), format, options, request.span));
      },
    );
  });
}

/** A call without a body has none of the parsers run. */
function bytesOf(request: FastifyRequest): Buffer {
  const body: unknown = request.body;
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
}

/** Also counts what is refused before the handler, such as a body that is too long. */
function countRefusals(scope: FastifyInstance, { metrics }: EventsHandlerOptions): void {
  const codes = new WeakMap<FastifyRequest, string>();
  scope.addHook('onError', (request, _reply, error, done) => {
    if (error instanceof LiminalError) codes.set(request, error.code);
    done();
  });
  scope.addHook('onResponse', (request, { statusCode }, done) => {
    if (statusCode >= 400) {
      metrics.refusals.labels(codes.get(request) ?? CODE_BY_STATUS[statusCode] ?? 'LIMINAL_ERR_HTTP_REFUSED').inc();
    }
    done();
  });
}
