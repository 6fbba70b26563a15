import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, realpath } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { isAlive } from './process-lock.ts';
import { findRedisServer, type RedisProgram, redisEnvironment } from './redis-program.ts';

export interface RedisServerOptions {
  /** Where its append-only file and its log (`redis.log`) lie; made when absent. */
  directory: string;
  port: number;
  /** Address to listen on, default 127.0.0.1. */
  host?: string;
  password?: string;
  /** How often the append-only file reaches the disk; `no` keeps nothing, for throw-away data. Default `everysec`. */
  appendFsync?: 'everysec' | 'always' | 'no';
  /** Default: the one that `findRedisServer` finds or fetches. */
  program?: RedisProgram;
  /** Time to answer the first PING, which is the time to load the data. Default 30 s. */
  startTimeoutMs?: number;
}

export interface RedisServer {
  readonly url: string;
  readonly pid: number;
  /** It was running already, left over from a start in the same directory. */
  readonly isAdopted: boolean;
  /** Resolves when the process is gone, for whatever reason. */
  readonly exited: Promise<void>;
  /** Ends it with everything it accepted on disk. Does nothing when it is gone already. */
  stop(): Promise<void>;
}

/** Something else listens on the port. */
export class RedisPortTakenError extends Error {
  override readonly name = 'RedisPortTakenError';
  readonly port: number;

  constructor(port: number, holder: string) {
    super(`port ${port} is taken by ${holder}`);
    this.port = port;
  }
}

const STOP_TIMEOUT_MS = 15_000;
const POLL_MS = 25;

interface Probe {
  pid: number;
  directory: string;
}

/** Who answers at the address: null = nobody, a string = something that is no Redis that lets us in. */
async function probe(host: string, port: number, password: string | undefined): Promise<Probe | string | null> {
  if (!(await isListening(host, port))) return null;
  const redis = controlConnection(host, port, password);
  try {
    await redis.connect();
    const info = await redis.info('server');
    const [, directory = ''] = (await redis.config('GET', 'dir')) as string[];
    return { pid: Number(/^process_id:(\d+)/m.exec(info)?.[1]), directory };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return /NOAUTH|WRONGPASS|AUTH/.test(reason) ? 'a Redis with another password' : 'a program that is not Redis';
  } finally {
    redis.disconnect();
  }
}

function isListening(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: reachable(host), port });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}

/** An address that a client can connect to, for one that a server may listen on. */
const reachable = (host: string): string => (host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host);

function controlConnection(host: string, port: number, password: string | undefined): Redis {
  const redis = new Redis({
    host: reachable(host),
    port,
    ...(password !== undefined && { password }),
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    connectTimeout: 2_000,
    commandTimeout: 2_000,
  });
  // every failure arrives as a rejection of the command as well
  redis.on('error', () => undefined);
  return redis;
}

const quoted = (value: string): string => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

/** Settings as redis.conf has them. They go in by stdin: the process table would show a password to everybody. */
function configuration(options: RedisServerOptions, directory: string): string {
  const fsync = options.appendFsync ?? 'everysec';
  return [
    `port ${options.port}`,
    `bind ${options.host ?? '127.0.0.1'}`,
    `dir ${quoted(directory)}`,
    'daemonize no',
    'save ""',
    `appendonly ${fsync === 'no' ? 'no' : 'yes'}`,
    `appendfsync ${fsync}`,
    // A rewrite takes a core for a second: at 64 MB, the default, every eight seconds under full load.
    'auto-aof-rewrite-min-size 512mb',
    'maxmemory-policy noeviction',
    'lazyfree-lazy-eviction yes',
    'lazyfree-lazy-expire yes',
    'lazyfree-lazy-server-del yes',
    'lazyfree-lazy-user-del yes',
    'lazyfree-lazy-user-flush yes',
    ...(options.password === undefined ? [] : [`requirepass ${quoted(options.password)}`]),
    '',
  ].join('\n');
}

/** The lines of the log that say why it ended. */
async function endOfLog(path: string): Promise<string> {
  const lines = (await readFile(path, 'utf8')).trim().split('\n');
  return lines.slice(-3).join(' | ');
}

function handle(options: RedisServerOptions, running: Omit<RedisServer, 'url' | 'stop'>): RedisServer {
  const host = options.host ?? '127.0.0.1';
  const credentials = options.password === undefined ? '' : `:${encodeURIComponent(options.password)}@`;
  return {
    ...running,
    url: `redis://${credentials}${reachable(host)}:${options.port}`,
    stop: async () => {
      if (!isAlive(running.pid)) return;
      const redis = controlConnection(host, options.port, options.password);
      try {
        await redis.connect();
        // Redis writes and syncs the append-only file before it ends; there is no snapshot to save beside it.
        await redis.call('SHUTDOWN', 'NOSAVE');
      } catch {
        // Success closes the connection without an answer; where it was a refusal, SIGTERM asks for the same.
        if (isAlive(running.pid)) process.kill(running.pid, 'SIGTERM');
      } finally {
        redis.disconnect();
      }
      await endOf(running.pid);
    },
  };
}

async function endOf(pid: number): Promise<void> {
  const deadline = performance.now() + STOP_TIMEOUT_MS;
  while (isAlive(pid)) {
    if (performance.now() > deadline) process.kill(pid, 'SIGKILL');
    await sleep(POLL_MS);
  }
}

/** Watches a process that is not our child, without keeping ours alive for it. */
async function watchUntilGone(pid: number): Promise<void> {
  while (isAlive(pid)) await sleep(4 * POLL_MS, undefined, { ref: false });
}

/**
 * Starts a redis-server as a process of its own group (a Ctrl-C of the terminal does not reach it: whoever started it
 * stops it last) and waits until it answers. One that still runs from an earlier start in the same directory is taken
 * over instead.
 *
 * @throws RedisPortTakenError when something else listens on the port
 * @throws RedisMissingError when there is no redis-server to be had
 */
export async function startRedisServer(options: RedisServerOptions): Promise<RedisServer> {
  const host = options.host ?? '127.0.0.1';
  await mkdir(options.directory, { recursive: true });
  const directory = await realpath(options.directory);
  const timeoutMs = options.startTimeoutMs ?? 30_000;

  const before = await probe(host, options.port, options.password);
  if (typeof before === 'string') throw new RedisPortTakenError(options.port, before);
  if (before !== null) {
    if (before.directory !== directory) {
      throw new RedisPortTakenError(options.port, `a Redis whose data lie in ${before.directory}`);
    }
    return handle(options, { pid: before.pid, isAdopted: true, exited: watchUntilGone(before.pid) });
  }

  const program = options.program ?? (await findRedisServer());
  const logPath = join(directory, 'redis.log');
  const log = openSync(logPath, 'a');
  let child: ChildProcess;
  try {
    child = spawn(program.command, ['-'], {
      cwd: directory,
      env: redisEnvironment(program),
      stdio: ['pipe', log, log],
      detached: true,
    });
  } finally {
    closeSync(log);
  }
  const exited = new Promise<void>((resolve, reject) => {
    child.once('exit', () => resolve());
    child.once('error', reject);
  });
  child.stdin?.end(configuration(options, directory));
  child.unref();

  await untilAnswering();
  return handle(options, { pid: child.pid!, isAdopted: false, exited });

  async function untilAnswering(): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    const isGone = await Promise.race([exited.then(() => true), sleep(POLL_MS).then(() => false)]);
    for (let gone = isGone; !gone; gone = child.exitCode !== null || child.signalCode !== null) {
      const answer = await probe(host, options.port, options.password);
      if (answer !== null && typeof answer === 'object' && answer.pid === child.pid) return;
      if (performance.now() > deadline) {
        child.kill('SIGKILL');
        throw new Error(`redis-server did not answer within ${timeoutMs / 1000} s: see ${logPath}`);
      }
      await sleep(POLL_MS);
    }
    const after = await probe(host, options.port, options.password);
    // another process took the port between our look and the start
    if (after !== null) throw new RedisPortTakenError(options.port, 'a program that was faster');
    throw new Error(`redis-server ended while starting: ${await endOfLog(logPath)}`);
  }
}
