import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { BaseConfig } from '../runtime/base-config.ts';
import { createHttpServer, type HttpServer } from '../runtime/http-server.ts';
import { Readiness } from '../runtime/readiness.ts';
import type { ServiceDefinition } from '../runtime/service.ts';
import { startTracing } from '../runtime/tracing.ts';

const READY_WITHIN_MS = 10_000;
const POLL_MS = 20;

export interface TestService extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, a port of its own. */
  readonly url: string;
  readonly http: HttpServer;
  readonly readiness: Readiness;
  /** Stops it as a signal would. */
  stop(): Promise<void>;
}

/**
 * Starts a service inside a test, on a free port, wired as in production but without what `runService` does to the
 * process (signals, exit codes). `env` is its whole environment. Returns once the service is ready, and throws naming
 * what is missing when it does not become so; `waitUntilReady: false` is for tests of a service without its parts.
 */
export async function startTestService<Config extends BaseConfig>(
  definition: ServiceDefinition<Config>,
  env: NodeJS.ProcessEnv,
  { waitUntilReady = true }: { waitUntilReady?: boolean } = {},
): Promise<TestService> {
  const config = definition.loadConfig({ LOG_LEVEL: 'silent', INSTANCE_ID: `test-${definition.name}`, ...env });
  const logger = pino({ name: definition.name, level: config.logLevel });
  const registry = new Registry();
  const readiness = new Readiness();
  const { tracing: traceConfig, instanceId } = config;
  const tracing = await startTracing({ config: traceConfig, service: definition.name, instanceId, logger });
  const tracer = tracing?.tracer;
  const http = await createHttpServer({ ...definition, logger, registry, readiness, tracer });
  const service = await definition.start({ config, logger, registry, readiness, tracer, http });
  const stop = async (): Promise<void> => {
    readiness.stop();
    await http.close();
    await service.stop();
    await tracing?.stop();
  };
  try {
    const url = await http.listen({ host: '127.0.0.1', port: 0 });
    await service.run?.();
    if (waitUntilReady) await becomeReady(definition.name, readiness);
    return { url, http, readiness, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function becomeReady(name: string, readiness: Readiness): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS;
  for (;;) {
    const { ready, dependencies } = await readiness.report();
    if (ready) return;
    if (performance.now() > deadline) throw new Error(`${name} is not ready: ${JSON.stringify(dependencies)}`);
    await sleep(POLL_MS);
  }
}
