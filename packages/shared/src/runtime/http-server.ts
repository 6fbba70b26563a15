import { randomUUID } from 'node:crypto';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import {
  hasZodFastifySchemaValidationErrors,
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from '@fastify/type-provider-zod';
import fastify, { type FastifyError, type FastifyReply, type FastifyRequest, LogController } from 'fastify';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { z } from 'zod';
import { type ErrorBody, httpErrors, LiminalError } from './errors.ts';
import { observeRequests } from './http-metrics.ts';
import { beginSpans, endSpans } from './http-tracing.ts';
import { MetricsPage } from './metrics-page.ts';
import type { Readiness } from './readiness.ts';
import { createReadinessMetrics } from './readiness-metrics.ts';
import type { Tracer } from './tracing.ts';
import { VERSION } from './version.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The answer lasts as long as its client wants: its duration says nothing about the service. */
    staysOpen?: boolean;
  }
}

export interface HttpServerOptions {
  /** Name of the service, as in the title of its documentation. */
  name: string;
  description: string;
  logger: Logger;
  registry: Registry;
  readiness: Readiness;
  /** Undefined when nothing is to be traced. */
  tracer?: Tracer | undefined;
  bodyLimitBytes?: number;
}

export type HttpServer = Awaited<ReturnType<typeof createHttpServer>>;

export const errorBodySchema = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    requestId: z.string(),
    details: z.record(z.string(), z.unknown()).optional(),
  }),
});

const dependencySchema = z.object({ ready: z.boolean(), reason: z.string().optional() });
const readinessSchema = z.object({ ready: z.boolean(), dependencies: z.record(z.string(), dependencySchema) });

/** A Fastify server with what all five services answer: /health, /ready, /metrics, /docs, and one error format. */
export async function createHttpServer(options: HttpServerOptions) {
  const { logger, registry, readiness } = options;
  const app = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    requestIdHeader: 'x-request-id',
    bodyLimit: options.bodyLimitBytes ?? 1024 * 1024,
    forceCloseConnections: 'idle',
    // A user has up to 256 characters, each of up to nine in a path.
    routerOptions: { maxParamLength: 2_400 },
    // Addresses that can't be read are refused before there is a route.
    frameworkErrors: (error, request, reply) => answerError(error, request as FastifyRequest, reply as FastifyReply),
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(answerError);
  app.setNotFoundHandler((request) => {
    throw httpErrors('LIMINAL_ERR_HTTP_NOT_FOUND', { method: request.method, path: request.url.split('?')[0] });
  });
  app.decorateRequest('span', undefined);
  if (options.tracer !== undefined) {
    app.addHook('onRequest', beginSpans(options.tracer));
    app.addHook('onResponse', endSpans);
  }
  app.addHook('onResponse', observeRequests(registry));
  // Every route may refuse or fail, in one form: so it stands in the OpenAPI description.
  app.addHook('onRoute', ({ schema }) => {
    if (schema === undefined || schema.hide === true) return;
    schema.response = { '4xx': errorBodySchema, '5xx': errorBodySchema, ...(schema.response as object | undefined) };
  });
  createReadinessMetrics(registry, readiness);

  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info: { title: options.name, description: options.description, version: VERSION } },
    transform: jsonSchemaTransform,
  });
  await app.register(swaggerUi, { routePrefix: '/docs' });

  app.get(
    '/health',
    { schema: { tags: ['service'], response: { 200: z.object({ status: z.literal('ok') }) } } },
    () => ({
      status: 'ok' as const,
    }),
  );
  app.get(
    '/ready',
    { schema: { tags: ['service'], response: { 200: readinessSchema, 503: readinessSchema } } },
    async (_, reply) => {
      const report = await readiness.report();
      return reply.code(report.ready ? 200 : 503).send(report);
    },
  );
  const page = new MetricsPage(registry);
  app.get('/metrics', { schema: { tags: ['service'], hide: true } }, async ({ headers }, reply) => {
    const { contentType, text } = await page.render(headers.accept);
    return reply.type(contentType).send(text);
  });
  return app;
}

function answerError(error: FastifyError | LiminalError, request: FastifyRequest, reply: FastifyReply): void {
  const known = toLiminalError(error);
  if (known.status >= 500)
    request.log.error(
      { err: error, route: request.routeOptions.url, traceId: request.span?.traceId },
      'request failed',
    );
  if (known.retryAfterSeconds !== undefined) reply.header('retry-after', known.retryAfterSeconds);
  const body: ErrorBody = { error: { code: known.code, message: known.message, requestId: request.id } };
  if (Object.keys(known.details).length > 0) body.error.details = known.details;
  void reply.code(known.status).serializer(JSON.stringify).send(body);
}

function toLiminalError(error: FastifyError | LiminalError): LiminalError {
  if (error instanceof LiminalError) return error;
  if (hasZodFastifySchemaValidationErrors(error)) {
    const [issue] = error.validation;
    const path = issue?.instancePath.replaceAll('/', '.').slice(1) ?? '';
    const reason = `${error.validationContext ?? 'body'}${path && `.${path}`}: ${issue?.message}`;
    return httpErrors('LIMINAL_ERR_HTTP_INVALID', { reason, path });
  }
  if (isRedisAway(error)) return httpErrors('LIMINAL_ERR_REDIS_AWAY', { retryAfterSeconds: 1 }, { cause: error });
  const status = 'statusCode' in error ? error.statusCode : undefined;
  if (status !== undefined && status >= 400 && status < 500) {
    return new LiminalError(
      'LIMINAL_ERR_HTTP_REFUSED',
      { status, message: 'The request was refused: {reason}' },
      { reason: refusalOf(error) },
    );
  }
  return httpErrors('LIMINAL_ERR_HTTP_INTERNAL', {}, { cause: error });
}

/** Where the words of Fastify do not tell the sender what to do. */
function refusalOf(error: Error): string {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return 'send a body with content-type: application/json';
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return 'the body is too large: send less in one call';
  return error.message;
}

const REDIS_AWAY_MESSAGES = ["Stream isn't writeable", 'Connection is closed', 'Command timed out'];
const REDIS_AWAY_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND']);

/** Whether an error of ioredis means that Redis can't be reached or can't serve now. */
function isRedisAway(error: Error): boolean {
  if (error.name === 'MaxRetriesPerRequestError') return true;
  if (error.name === 'ReplyError') return /^(LOADING|MISCONF|OOM|READONLY|CLUSTERDOWN|MASTERDOWN)/.test(error.message);
  const code = 'code' in error ? String(error.code) : '';
  return REDIS_AWAY_CODES.has(code) || REDIS_AWAY_MESSAGES.some((message) => error.message.startsWith(message));
}
