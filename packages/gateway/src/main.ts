import { lookup } from 'node:dns/promises';
import { UsageError } from '@liminal/shared/runtime/usage-error';
import { pino, stdTimeFunctions } from 'pino';
import { Forwarder } from './forwarder.ts';
import { parseRoute } from './route.ts';

/**
 * The ports of services that run as several replicas, of which only one container could publish each: `main.ts 8002=predictor …`.
 * With `--check` it reads its arguments and ends. Exit codes: 0 = stopped as asked, 1 = failed, 2 = could not start so.
 */
const EXIT_FAILED = 1;
const EXIT_CANNOT_START = 2;
const STOP_WITHIN_MS = 5_000;

const args = process.argv.slice(2).filter((arg) => arg !== '--check');
const logger = pino({ name: 'gateway', level: process.env.LOG_LEVEL || 'info', timestamp: stdTimeFunctions.isoTime });

async function run(): Promise<void> {
  const routes = args.map(parseRoute);
  if (process.argv.includes('--check')) {
    process.stdout.write('gateway: these settings can be used\n');
    return;
  }
  if (routes.length === 0) throw new UsageError('What is to be passed to whom? For example: main.ts 8002=predictor');
  const host = process.env.HOST || '127.0.0.1';
  const resolve = async (service: string): Promise<string[]> =>
    (await lookup(service, { all: true })).map(({ address }) => address);
  const forwarders = await Promise.all(routes.map((route) => Forwarder.listen({ route, host, resolve, logger })));
  logger.info({ host, routes }, 'listening');

  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    logger.info({ reason: signal }, 'stopping');
    await Promise.all(forwarders.map((forwarder) => forwarder.stop(STOP_WITHIN_MS)));
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(signal));
}

try {
  await run();
} catch (error) {
  if (error instanceof UsageError) process.stderr.write(`gateway: ${error.message}\n`);
  else logger.fatal({ err: error }, 'could not start');
  process.exit(error instanceof UsageError ? EXIT_CANNOT_START : EXIT_FAILED);
}
