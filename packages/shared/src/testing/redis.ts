import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  RedisPortTakenError,
  type RedisServer,
  type RedisServerOptions,
  startRedisServer,
} from '../adapters/redis-server.ts';

export interface TestRedis extends AsyncDisposable {
  /** `redis://127.0.0.1:<port>`: stays the same over `restart`. */
  readonly url: string;
  readonly port: number;
  readonly directory: string;
  readonly pid: number;
  /** Kills it (SIGKILL) without a chance to write. */
  kill(): Promise<void>;
  /** Starts it again on its port and data after `kill`. */
  restart(): Promise<void>;
  /** Ends it and removes its directory. */
  stop(): Promise<void>;
}

const ATTEMPTS = 10;

/** A port of 127.0.0.1 that nobody listens on at this moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('no port was given'));
        else resolve(address.port);
      });
    });
  });
}

async function startSomewhere(
  options: Omit<RedisServerOptions, 'port'>,
): Promise<{ server: RedisServer; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    try {
      return { server: await startRedisServer({ ...options, port }), port };
    } catch (error) {
      // tests beside this one draw ports as well
      if (!(error instanceof RedisPortTakenError) || attempt === ATTEMPTS) throw error;
    }
  }
}

/**
 * A real Redis of its own for one test file, on a free port and in a new directory.
 * Nothing is written to disk unless `appendFsync` asks for it (needed for `kill` + `restart` with data).
 */
export async function startTestRedis(
  options: Pick<RedisServerOptions, 'appendFsync' | 'password'> = {},
): Promise<TestRedis> {
  const directory = await mkdtemp(join(tmpdir(), 'liminal-redis-'));
  const settings = { appendFsync: 'no' as const, ...options, directory };
  const { server: first, port } = await startSomewhere(settings);
  let server = first;
  // a test run that ends early must not leave servers behind
  const killOnExit = (): void => {
    try {
      process.kill(server.pid, 'SIGKILL');
    } catch {
      // gone already
    }
  };
  process.on('exit', killOnExit);
  const stop = async (): Promise<void> => {
    await server.stop();
    process.off('exit', killOnExit);
    await rm(directory, { recursive: true, force: true });
  };
  return {
    url: server.url,
    port,
    directory,
    get pid() {
      return server.pid;
    },
    kill: async () => {
      process.kill(server.pid, 'SIGKILL');
      await server.exited;
    },
    restart: async () => {
      server = await startRedisServer({ ...settings, port });
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
