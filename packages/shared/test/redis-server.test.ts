import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, test } from 'vitest';
import { acquireProcessLock, isAlive, LockHeldError } from '../src/adapters/process-lock.ts';
import { findRedisServer, RedisMissingError } from '../src/adapters/redis-program.ts';
import { RedisPortTakenError, type RedisServer, startRedisServer } from '../src/adapters/redis-server.ts';
import { freePort, startTestRedis } from '../src/testing/redis.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'liminal-test-'));
  cleanups.push(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function started(options: Parameters<typeof startRedisServer>[0]): Promise<RedisServer> {
  const server = await startRedisServer(options);
  cleanups.push(() => server.stop());
  return server;
}

async function withClient<T>(url: string, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: () => null });
  // arrives as the rejection of the command as well
  redis.on('error', () => undefined);
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

describe('a redis-server of our own', () => {
  test('answers at its URL, keeps what it was given over stop and start', async () => {
    const options = { directory: await temporaryDirectory(), port: await freePort() };
    const first = await started(options);
    await withClient(first.url, (redis) => redis.set('kept', 'yes'));
    await first.stop();
    expect(isAlive(first.pid)).toBe(false);
    await first.exited;

    const second = await started(options);
    expect(await withClient(second.url, (redis) => redis.get('kept'))).toBe('yes');
  });

  test('syncs its log every second and frees memory in the background', async () => {
    const server = await started({ directory: await temporaryDirectory(), port: await freePort() });
    const settings = await withClient(server.url, async (redis) => [
      ...((await redis.config('GET', 'append*')) as string[]),
      ...((await redis.config('GET', 'lazyfree-lazy-expire')) as string[]),
      ...((await redis.config('GET', 'maxmemory-policy')) as string[]),
    ]);
    const get = (name: string): string | undefined => settings[settings.indexOf(name) + 1];
    expect(get('appendonly')).toBe('yes');
    expect(get('appendfsync')).toBe('everysec');
    expect(get('lazyfree-lazy-expire')).toBe('yes');
    expect(get('maxmemory-policy')).toBe('noeviction');
  });

  test('asks for its password, and does not show it in the process table', async () => {
    const password = 'a "quoted" pass\\word@:/';
    const server = await started({ directory: await temporaryDirectory(), port: await freePort(), password });
    expect(await withClient(server.url, (redis) => redis.ping())).toBe('PONG');
    await expect(withClient(server.url.replace(/\/\/.*@/, '//'), (redis) => redis.get('x'))).rejects.toThrow('NOAUTH');
    expect(execFileSync('ps', ['-o', 'args=', '-p', String(server.pid)], { encoding: 'utf8' })).not.toContain('quoted');
  });

  test('is taken over when it was left behind in the same directory', async () => {
    const options = { directory: await temporaryDirectory(), port: await freePort() };
    const left = await started(options);
    const adopted = await startRedisServer(options);
    expect(adopted).toMatchObject({ isAdopted: true, pid: left.pid, url: left.url });
    await adopted.stop();
    await left.exited;
    expect(isAlive(left.pid)).toBe(false);
  });

  test('survives the process that started it', async () => {
    const directory = await temporaryDirectory();
    const port = await freePort();
    const script = `
      import { startRedisServer } from ${JSON.stringify(new URL('../src/adapters/redis-server.ts', import.meta.url).href)};
      const server = await startRedisServer(${JSON.stringify({ directory, port })});
      process.stdout.write(String(server.pid));
      setInterval(() => {}, 1000);`;
    const launcher = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [pid] = (await once(launcher.stdout, 'data')) as [Buffer];
    launcher.kill('SIGKILL');
    await once(launcher, 'exit');
    const adopted = await started({ directory, port });
    expect(adopted).toMatchObject({ isAdopted: true, pid: Number(String(pid)) });
  });
});

describe('a port that is taken', () => {
  test('by a Redis with other data is named as such, and that Redis is left alone', async () => {
    const port = await freePort();
    const other = await started({ directory: await temporaryDirectory(), port });
    const attempt = startRedisServer({ directory: await temporaryDirectory(), port });
    await expect(attempt).rejects.toThrow(RedisPortTakenError);
    await expect(attempt).rejects.toThrow(/port \d+ is taken by a Redis whose data lie in/);
    expect(isAlive(other.pid)).toBe(true);
  });

  test('by something else is named as such', async () => {
    const server: Server = createServer((socket) => {
      // a caller that hangs up is none of its business
      socket.on('error', () => undefined);
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    const port = await freePort();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(async () => server.close());
    await expect(startRedisServer({ directory: await temporaryDirectory(), port })).rejects.toThrow(
      `port ${port} is taken by a program that is not Redis`,
    );
  });
});

describe('finding a redis-server', () => {
  test('says what to install where there is none and nothing to fetch one with', async () => {
    const options = { env: { PATH: '/nonexistent' }, cacheDirectory: join(await temporaryDirectory(), 'redis') };
    await expect(findRedisServer(options)).rejects.toThrow(RedisMissingError);
    await expect(findRedisServer(options)).rejects.toThrow(/brew install redis.*docker-compose/);
  });

  test('finds the one on the path, and runs with it', async () => {
    const program = await findRedisServer();
    const server = await started({ directory: await temporaryDirectory(), port: await freePort(), program });
    expect(await withClient(server.url, (redis) => redis.ping())).toBe('PONG');
  });
});

describe('the lock of a directory', () => {
  test('is held by one process at a time, and free again afterwards', async () => {
    const path = join(await temporaryDirectory(), 'lock');
    const lock = await acquireProcessLock(path);
    await expect(acquireProcessLock(path)).rejects.toThrow(LockHeldError);
    await lock.release();
    await (await acquireProcessLock(path)).release();
  });

  test('is taken over from a process that was killed', async () => {
    const path = join(await temporaryDirectory(), 'lock');
    const script = `
      import { acquireProcessLock } from ${JSON.stringify(new URL('../src/adapters/process-lock.ts', import.meta.url).href)};
      await acquireProcessLock(${JSON.stringify(path)});
      process.stdout.write('held');
      setInterval(() => {}, 1000);`;
    const holder = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    await expect(acquireProcessLock(path)).rejects.toThrow(`held by process ${holder.pid}`);
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    await (await acquireProcessLock(path)).release();
  });
});

describe('a Redis for tests', () => {
  test('runs beside others, comes back on its port after a kill, and leaves nothing behind', async () => {
    const [one, two] = await Promise.all([startTestRedis({ appendFsync: 'always' }), startTestRedis()]);
    await withClient(one.url, (redis) => redis.set('kept', 'yes'));
    await one.kill();
    await expect(withClient(one.url, (redis) => redis.ping())).rejects.toThrow();
    await one.restart();
    expect(await withClient(one.url, (redis) => redis.get('kept'))).toBe('yes');
    expect(await withClient(two.url, (redis) => redis.get('kept'))).toBeNull();
    await Promise.all([one.stop(), two.stop()]);
    expect(isAlive(one.pid) || isAlive(two.pid)).toBe(false);
  });
});
