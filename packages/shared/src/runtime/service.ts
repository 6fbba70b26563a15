import { type Logger, pino, stdTimeFunctions } from 'pino';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { type BaseConfig, ConfigError } from './base-config.ts';
import { createBuildInfo } from './build-info.ts';
import { createHttpServer, type HttpServer } from './http-server.ts';
import { Readiness } from './readiness.ts';
import { defaultPasswords, withSecretFiles } from './secrets.ts';
import { startTracing, type Tracer } from './tracing.ts';

export interface ServiceContext<Config extends BaseConfig> {
  config: Config;
  logger: Logger;
  registry: Registry;
  readiness: Readiness;
  /** Undefined when nothing is to be traced. */
  tracer: Tracer | undefined;
  /** Routes are added here before the service listens. */
  http: HttpServer;
}

/** A wired service: `run` starts its background work once it listens, `stop` ends it and closes what it opened. */
export interface RunningService {
  run?(): Promise<void> | void;
  stop(): Promise<void>;
}

export interface ServiceDefinition<Config extends BaseConfig> {
  name: string;
  description: string;
  bodyLimitBytes?: number;
  loadConfig(env: NodeJS.ProcessEnv): Config;
  start(context: ServiceContext<Config>): Promise<RunningService>;
}

/** Exit codes: 0 = stopped as asked, 1 = failed while running, 2 = could not start with these settings. */
const EXIT_FAILED = 1;
const EXIT_CANNOT_START = 2;

/**
 * Runs a service as this process, from its environment to its exit code: settings, logs, HTTP, readiness, signals,
 * draining. All five services start here. With `--check` it checks the settings and ends.
 */
export async function runService<Config extends BaseConfig>(definition: ServiceDefinition<Config>): Promise<void> {
  const { config, env } = configOrExit(definition);
  if (process.argv.includes('--check')) {
    process.stdout.write(`${definition.name}: these settings can be used\n`);
    return;
  }
  const logger = pino({
    name: definition.name,
    level: config.logLevel,
    timestamp: stdTimeFunctions.isoTime,
    // The last two: arguments of a command that Redis has refused, AUTH among them.
    redact: ['req.headers.authorization', 'password', 'redisUrl', 'err.command.args', 'err.*.command.args'],
  });
  for (const password of defaultPasswords(env)) {
    logger.warn(password, 'this password still has its default, which everybody knows: set one of your own');
  }
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  createBuildInfo(registry, definition.name);
  const readiness = new Readiness();
  const { tracing: traceConfig, instanceId } = config;
  const tracing = await startTracing({ config: traceConfig, service: definition.name, instanceId, logger });
  const tracer = tracing?.tracer;
  const http = await createHttpServer({ ...definition, logger, registry, readiness, tracer });

  let service: RunningService | undefined;
  let isStopping = false;
  const stop = async (reason: string, exitCode: number): Promise<void> => {
    if (isStopping) return;
    isStopping = true;
    logger.info({ reason }, 'stopping');
    readiness.stop();
    setTimeout(() => {
      logger.error({ timeoutMs: config.shutdownTimeoutMs }, 'did not stop in time');
      process.exit(EXIT_FAILED);
    }, config.shutdownTimeoutMs).unref();
    try {
      await http.close();
      await service?.stop();
      await tracing?.stop();
      logger.info('stopped');
      process.exit(exitCode);
    } catch (error) {
      logger.error({ err: error }, 'stopping failed');
      process.exit(EXIT_FAILED);
    }
  };
  process.on('SIGTERM', () => void stop('SIGTERM', 0));
  process.on('SIGINT', () => void stop('SIGINT', 0));
  if (process.env.LIMINAL_EXIT_WITH_PARENT === '1') process.on('disconnect', () => void stop('parent is gone', 0));
  const fail = (error: unknown): void => {
    logger.fatal({ err: error }, 'unexpected error');
    void stop('unexpected error', EXIT_FAILED);
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);

  try {
    service = await definition.start({ config, logger, registry, readiness, tracer, http });
    await http.listen({ host: config.host, port: config.port });
  } catch (error) {
    logger.fatal({ err: error }, startFailure(error, config));
    process.exit(EXIT_CANNOT_START);
  }
  logger.info({ host: config.host, port: config.port }, 'listening');
  await service.run?.();
}

function configOrExit<Config extends BaseConfig>(
  definition: ServiceDefinition<Config>,
): { config: Config; env: NodeJS.ProcessEnv } {
  try {
    const env = withSecretFiles(process.env);
    return { config: definition.loadConfig(env), env };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${definition.name}: ${error.message}\n`);
    process.exit(EXIT_CANNOT_START);
  }
}

function startFailure(error: unknown, config: BaseConfig): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return `port ${config.port} is taken: stop what listens there, or set PORT`;
  if (code === 'EADDRNOTAVAIL') return `address ${config.host} is not one of this machine: set HOST`;
  return 'could not start';
}
