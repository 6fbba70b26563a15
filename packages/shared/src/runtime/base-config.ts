import { hostname } from 'node:os';
import { z } from 'zod';
import { type TraceConfig, toTraceConfig, traceEnvironment } from './trace-settings.ts';

/** What every service is told about where it runs. Keys are the environment's names. */
export const baseEnvironment = (defaultPort: number) => ({
  HOST: z.string().min(1).default('127.0.0.1').describe('Address to listen on'),
  PORT: z.coerce.number().int().min(1).max(65535).default(defaultPort).describe('Port to listen on'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  REDIS_URL: z
    .url({ protocol: /^rediss?$/ })
    .default('redis://127.0.0.1:6379')
    .describe('redis://[:password@]host:port'),
  REDIS_PASSWORD: z.string().min(1).optional().describe('Password of Redis, unless REDIS_URL has it'),
  PARTITIONS: z.coerce
    .number()
    .int()
    .min(1)
    .max(256)
    .default(8)
    .describe('Partitions of the streams: the same for all services, for the life of the data'),
  INSTANCE_ID: z.string().min(1).optional().describe('Name of this replica; the host name and port unless set'),
  SHUTDOWN_TIMEOUT_MS: z.coerce.number().int().positive().default(15_000),
  ...traceEnvironment,
});

/** A setting that can't be used; the message names the variable and what is wrong with it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Reads and checks the environment against a service's schema. Throws `ConfigError` naming every bad variable. */
export function parseEnvironment<Shape extends z.ZodRawShape>(
  shape: Shape,
  env: NodeJS.ProcessEnv,
): z.infer<z.ZodObject<Shape>> {
  // A variable that is set to nothing (as in `PORT=`) counts as not set.
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const result = z.object(shape).safeParse(given);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new ConfigError(`these settings can't be used: ${problems.join('; ')}`);
}

export interface BaseConfig {
  host: string;
  port: number;
  logLevel: string;
  redisUrl: string;
  partitions: number;
  instanceId: string;
  shutdownTimeoutMs: number;
  /** Undefined when nothing is to be traced. */
  tracing: TraceConfig | undefined;
}

export function toBaseConfig(env: z.infer<z.ZodObject<ReturnType<typeof baseEnvironment>>>): BaseConfig {
  return {
    host: env.HOST,
    port: env.PORT,
    logLevel: env.LOG_LEVEL,
    redisUrl: redisUrlOf(env),
    partitions: env.PARTITIONS,
    instanceId: env.INSTANCE_ID ?? `${hostname()}:${env.PORT}`,
    shutdownTimeoutMs: env.SHUTDOWN_TIMEOUT_MS,
    tracing: toTraceConfig(env),
  };
}

function redisUrlOf(env: { REDIS_URL: string; REDIS_PASSWORD?: string | undefined }): string {
  if (env.REDIS_PASSWORD === undefined) return env.REDIS_URL;
  const url = new URL(env.REDIS_URL);
  if (url.password !== '') {
    throw new ConfigError("these settings can't be used: REDIS_PASSWORD: REDIS_URL has a password already");
  }
  url.password = encodeURIComponent(env.REDIS_PASSWORD);
  return url.href;
}
