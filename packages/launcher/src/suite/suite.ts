import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { acquireProcessLock, LockHeldError, type ProcessLock } from '@liminal/shared/adapters/process-lock';
import { findRedisServer, RedisMissingError, type RedisProgram } from '@liminal/shared/adapters/redis-program';
import { RedisPortTakenError, startRedisServer } from '@liminal/shared/adapters/redis-server';
import { awaitReady } from './await-ready.ts';
import { fillCompileCache } from './compile-cache.ts';
import type { SuiteSettings } from './config.ts';
import { checkPorts, taken } from './port-check.ts';
import { portHolder } from './ports.ts';
import type { Reporter } from './reporter.ts';
import { startServiceProcess } from './service-process.ts';
import { SERVICE_NAMES, SERVICES, type ServiceName } from './services.ts';
import { SuiteError } from './suite-error.ts';
import { type RunningProcess, Supervisor } from './supervisor.ts';

export interface Suite {
  readonly urls: Readonly<Record<ServiceName, string>>;
  readonly redisUrl: string;
  readonly pids: Readonly<Record<ServiceName | 'redis', number | undefined>>;
  /** Stops the services, which finish what they have begun, then Redis with everything on disk. */
  stop(): Promise<void>;
  /** Ends everything at once. What was accepted is on disk up to the last second, as after a crash. */
  kill(): void;
}

const READY_WITHIN_MS = 120_000;
/** A service gives itself 15 s (SHUTDOWN_TIMEOUT_MS). */
const STOP_WITHIN_MS = 20_000;
/** Ends of one service before it was ever ready, after which another try is not worth the wait. */
const TRIES = 3;
/** Exit code of a service that can't start with the settings it was given. */
const CANNOT_START = /exit code 2$/;

const servicesDirectory = fileURLToPath(new URL('../../../../services', import.meta.url));

/** The address that a client uses for one that a server listens on. */
const reachable = (host: string): string => (host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host);

const compileCacheOf = (settings: SuiteSettings): string => join(settings.home, 'cache');

const mainOf = (name: ServiceName): string => join(servicesDirectory, name, 'src', 'main.ts');

const logFileOf = (settings: SuiteSettings, part: string): string => join(settings.home, 'logs', `${part}.log`);

function environmentOf(name: ServiceName, settings: SuiteSettings, redisUrl: string): NodeJS.ProcessEnv {
  const keys = join(settings.home, 'keys');
  return {
    // One thread for each: what the numeric libraries would take beyond that is missing elsewhere.
    OMP_NUM_THREADS: '1',
    OPENBLAS_NUM_THREADS: '1',
    // Three for memory: freed memory goes back to the machine, young garbage does not pile up to 48 MB before it is
    // collected, and types are stripped once and not at every start.
    MALLOC_ARENA_MAX: '2',
    NODE_OPTIONS: '--max-semi-space-size=4',
    NODE_COMPILE_CACHE: compileCacheOf(settings),
    ...settings.env,
    HOST: settings.host,
    PORT: String(settings.ports[name]),
    REDIS_URL: redisUrl,
    // That of another Redis, if it is there at all: the one of this suite listens on this machine only and has none.
    REDIS_PASSWORD: '',
    REDIS_PASSWORD_FILE: '',
    MODEL_STORE_URL: settings.modelStoreUrl,
    RELEASE_PUBLIC_KEY_FILE: join(keys, 'release-public-key.pem'),
    ...(name === 'kenning' && { RELEASE_SIGNING_KEY_FILE: join(keys, 'release-signing-key.pem') }),
    PARTITIONS: String(settings.partitions),
    LOG_LEVEL: settings.logLevel,
    INSTANCE_ID: `embedded-${name}`,
    LIMINAL_HOME: settings.home,
    LIMINAL_EXIT_WITH_PARENT: '1',
  };
}

async function lockHome({ home }: SuiteSettings): Promise<ProcessLock> {
  try {
    // It holds a signing key and what users did: nobody else's business on a shared machine.
    await mkdir(home, { recursive: true, mode: 0o700 });
    return await acquireProcessLock(join(home, 'suite.lock'));
  } catch (cause) {
    if (cause instanceof LockHeldError) {
      throw new SuiteError(
        `another suite (process ${cause.holder.pid}) keeps its data in ${home}: stop it, or give this one a directory ` +
          'and ports of its own (--home DIR --port-offset 100)',
        { cause },
      );
    }
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SuiteError(`the data can't be kept in ${home} (${reason}): set LIMINAL_HOME or --home`, { cause });
  }
}

async function startRedis(settings: SuiteSettings, program: RedisProgram): Promise<RunningProcess & { url: string }> {
  const { host, redisPort: port } = settings;
  try {
    const redis = await startRedisServer({
      directory: join(settings.home, 'redis'),
      host: reachable(host),
      port,
      program,
    });
    return {
      url: redis.url,
      pid: redis.pid,
      exited: redis.exited.then(() => 'ended'),
      stop: () => redis.stop(),
      // Even in a hurry: it is quick, and a SIGKILL could lose the last second.
      kill: () => void process.kill(redis.pid, 'SIGTERM'),
    };
  } catch (cause) {
    if (!(cause instanceof RedisPortTakenError)) throw cause;
    throw taken({ part: 'Redis', port, setting: 'REDIS_PORT' }, await portHolder(port));
  }
}

async function redisProgram({ env }: SuiteSettings, reporter: Reporter): Promise<RedisProgram> {
  try {
    return await findRedisServer({ env, onProgress: (message) => reporter.say(message) });
  } catch (cause) {
    if (cause instanceof RedisMissingError) throw new SuiteError(cause.message, { cause });
    throw cause;
  }
}

/**
 * Starts Redis and the five services as processes of this machine and returns when all of them are ready. From then on
 * whatever ends by itself is started again, which the reporter is told.
 *
 * @param signal gives up while starting: what runs by then is stopped
 * @throws SuiteError with one sentence that says what to do; nothing is left running then
 */
export async function startSuite(settings: SuiteSettings, reporter: Reporter, signal: AbortSignal): Promise<Suite> {
  const lock = await lockHome(settings);
  const supervisors: Supervisor[] = [];
  try {
    await checkPorts(
      SERVICE_NAMES.map((part) => {
        return { part, host: settings.host, port: settings.ports[part], setting: SERVICES[part].portSetting };
      }),
      {
        // The lock on the home is ours: whoever else runs with this home has lost its launcher.
        isLeftOver: (holder) =>
          holder.env.LIMINAL_HOME === settings.home && holder.env.LIMINAL_EXIT_WITH_PARENT === '1',
        onWaiting: (message) => reporter.status(message),
        leftOverTimeoutMs: STOP_WITHIN_MS,
      },
    );
    return await startParts(settings, reporter, signal, supervisors, lock);
  } catch (error) {
    await stopAll(supervisors, lock);
    throw error;
  }
}

async function startParts(
  settings: SuiteSettings,
  reporter: Reporter,
  signal: AbortSignal,
  supervisors: Supervisor[],
  lock: ProcessLock,
): Promise<Suite> {
  const say = (message: string): void => reporter.say(message);
  const mains = SERVICE_NAMES.map(mainOf);
  const [program] = await Promise.all([
    redisProgram(settings, reporter),
    fillCompileCache(compileCacheOf(settings), mains, { path: settings.env.PATH, say }),
  ]);
  signal.throwIfAborted();
  let redisUrl = '';
  const redis = new Supervisor({
    name: 'redis',
    say,
    start: async () => {
      const running = await startRedis(settings, program);
      redisUrl = running.url;
      return running;
    },
  });
  supervisors.push(redis);
  await redis.start();

  const givenUp = new AbortController();
  let isReady = false;
  const services = SERVICE_NAMES.map((name) => {
    const logFile = logFileOf(settings, name);
    let ends = 0;
    const start = async (): Promise<RunningProcess> => {
      const running = await startServiceProcess({
        main: mainOf(name),
        env: environmentOf(name, settings, redisUrl),
        logFile,
        stopTimeoutMs: STOP_WITHIN_MS,
      });
      const exited = running.exited.then(async (how) => {
        // What is killed has no say in it: its log tells of other things.
        const failure = how.endsWith('SIGKILL') ? '' : await running.lastFailure();
        ends += 1;
        const why = `${how} (${failure === '' ? `see ${logFile}` : `${failure}; see ${logFile}`})`;
        if (!isReady && CANNOT_START.test(how)) givenUp.abort(new SuiteError(`${name} can't start: ${failure}`));
        else if (!isReady && ends >= TRIES) givenUp.abort(new SuiteError(`${name} can't start: it ${why}`));
        return why;
      });
      return { ...running, exited };
    };
    // once given up, nothing is started again whatever the supervisor makes of it
    return new Supervisor({ name, start, say: (message) => !givenUp.signal.aborted && say(message) });
  });
  for (const service of services) {
    supervisors.push(service);
    await service.start();
  }

  const urls = Object.fromEntries(
    SERVICE_NAMES.map((name) => [name, `http://${reachable(settings.host)}:${settings.ports[name]}`]),
  ) as Record<ServiceName, string>;
  await ready(urls, settings, reporter, AbortSignal.any([signal, givenUp.signal]));
  isReady = true;

  return {
    urls,
    redisUrl,
    get pids() {
      return Object.fromEntries(supervisors.map(({ name, pid }) => [name, pid])) as Suite['pids'];
    },
    stop: () => stopAll(supervisors, lock),
    kill: () => {
      for (const supervisor of supervisors.toReversed()) supervisor.kill();
    },
  };
}

async function ready(
  services: Record<ServiceName, string>,
  settings: SuiteSettings,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<void> {
  try {
    const onWaiting = (message: string): void => reporter.status(message);
    await awaitReady({ services, timeoutMs: READY_WITHIN_MS, onWaiting, signal });
  } catch (cause) {
    signal.throwIfAborted();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SuiteError(`${reason}. The logs are in ${join(settings.home, 'logs')}`, { cause });
  } finally {
    reporter.status('');
  }
}

/** Services side by side, then Redis, which they need until their last word. */
async function stopAll([redis, ...services]: readonly Supervisor[], lock: ProcessLock): Promise<void> {
  await Promise.all(services.map((service) => service.stop()));
  await redis?.stop();
  await lock.release();
}
