import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { access, constants, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { acquireProcessLock } from './process-lock.ts';

const run = promisify(execFile);

/** Where a runnable redis-server was found. */
export interface RedisProgram {
  command: string;
  /** Set when its libraries lie beside it instead of in the system. */
  libraryPath?: string;
}

export interface FindRedisOptions {
  env?: NodeJS.ProcessEnv;
  /** Where an unpacked copy is kept; default: `liminal/redis` in the user's cache directory. */
  cacheDirectory?: string;
  onProgress?: (message: string) => void;
}

/** There is no redis-server here and none could be fetched. */
export class RedisMissingError extends Error {
  override readonly name = 'RedisMissingError';

  constructor(reasons: string[]) {
    super(
      `There is no redis-server on this machine and none could be fetched (${reasons.join('; ')}). ` +
        'Install it ("apt-get install redis-server", or "brew install redis" on macOS), ' +
        'or run everything in containers: docker-compose -f docker-compose.ml.yml up -d',
    );
  }
}

const FETCH_WAIT_MS = 180_000;

async function onPath(program: string, env: NodeJS.ProcessEnv): Promise<string | null> {
  for (const directory of (env.PATH ?? '').split(delimiter)) {
    if (directory === '') continue;
    const candidate = join(directory, program);
    try {
      await access(candidate, constants.X_OK);
      return candidate;
    } catch {
      // not here: the next directory may have it
    }
  }
  return null;
}

const environmentFor = (program: RedisProgram, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  program.libraryPath === undefined ? env : { ...env, LD_LIBRARY_PATH: program.libraryPath };

const lastLine = (error: unknown): string => {
  const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
  return text.trim().split('\n').at(-1) ?? text;
};

/** The one unpacked into the cache, when it is there and runs. */
async function inCache(directory: string, env: NodeJS.ProcessEnv): Promise<RedisProgram | null> {
  const command = join(directory, 'usr', 'bin', 'redis-server');
  if (!existsSync(command)) return null;
  const libraries = join(directory, 'usr', 'lib');
  const triplets = existsSync(libraries) ? (await readdir(libraries)).filter((name) => name.includes('-linux-')) : [];
  const program = { command, libraryPath: triplets.map((name) => join(libraries, name)).join(delimiter) };
  await run(command, ['--version'], { env: environmentFor(program, env) });
  return program;
}

/**
 * Debian's package starts a system service of its own on port 6379, with everything under /var/lib/redis: not wanted
 * here. A policy script (Debian Policy 9.3.3.1, exit 101 = action forbidden) holds it back during the installation,
 * and it is taken out of the next boot afterwards.
 */
async function installWithApt(env: NodeJS.ProcessEnv): Promise<void> {
  const options = { env: { ...env, DEBIAN_FRONTEND: 'noninteractive' }, timeout: FETCH_WAIT_MS };
  const install = (): Promise<unknown> =>
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'redis-server'], options);
  const policy = '/usr/sbin/policy-rc.d';
  const ownPolicy = !existsSync(policy);
  if (ownPolicy) await writeFile(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    try {
      await install();
    } catch {
      // most often the package lists are missing or old; a second failure is the one to report
      await run('apt-get', ['update', '-qq'], options);
      await install();
    }
  } finally {
    if (ownPolicy) await rm(policy, { force: true });
  }
  if (existsSync('/run/systemd/system')) await run('systemctl', ['disable', '--now', 'redis-server'], options);
}

/** Downloads redis-server and what it needs that this system lacks, as .deb files, into the working directory. */
async function download(
  aptOptions: readonly string[],
  options: { env: NodeJS.ProcessEnv; cwd: string },
): Promise<void> {
  const install = ['install', '--simulate', '--no-install-recommends', 'redis-server'];
  const { stdout } = await run('apt-get', [...aptOptions, ...install], options);
  const missing = [...stdout.matchAll(/^Inst (\S+)/gm)].map(([, name = '']) => name);
  // Always these two: apt may count them as installed where the program is not on the path.
  const packages = new Set(['redis-server', 'redis-tools', ...missing]);
  await run('apt-get', [...aptOptions, 'download', '-qq', ...packages], options);
}

/** Fetches the packages and unpacks them into the cache directory: needs no rights. */
async function unpackInto(directory: string, env: NodeJS.ProcessEnv): Promise<void> {
  const work = `${directory}.new`;
  await rm(work, { recursive: true, force: true });
  const lists = join(work, 'lists');
  await mkdir(join(lists, 'partial'), { recursive: true });
  const options = { env, cwd: work, timeout: FETCH_WAIT_MS };
  try {
    await download([], options);
  } catch {
    // no package lists on this machine, or old ones: fetch our own
    const ownLists = ['-o', `Dir::State::Lists=${lists}`, '-o', `Dir::Cache=${work}`];
    await run('apt-get', [...ownLists, 'update', '-qq'], options);
    await download(ownLists, options);
  }
  const root = join(work, 'root');
  for (const file of await readdir(work)) {
    if (file.endsWith('.deb')) await run('dpkg', ['-x', join(work, file), root], options);
  }
  await rm(directory, { recursive: true, force: true });
  await rename(root, directory);
  await rm(work, { recursive: true, force: true });
}

/**
 * Finds a redis-server, or fetches one: on the path, from an earlier fetch, as root with apt-get, else unpacked from
 * Debian's packages without any rights. Processes that ask at the same time wait for each other.
 *
 * @throws RedisMissingError with everything that was tried
 */
export async function findRedisServer(options: FindRedisOptions = {}): Promise<RedisProgram> {
  const env = options.env ?? process.env;
  const cacheDirectory =
    options.cacheDirectory ?? join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'liminal', 'redis');
  const say = options.onProgress ?? ((): void => undefined);

  const present = async (): Promise<RedisProgram | null> => {
    const command = await onPath('redis-server', env);
    return command === null ? null : { command };
  };
  const found = await present();
  if (found !== null) return found;

  const lock = await acquireProcessLock(`${cacheDirectory}.lock`, 2 * FETCH_WAIT_MS);
  try {
    const sinceThen = await present();
    if (sinceThen !== null) return sinceThen;
    const reasons: string[] = [];
    try {
      const cached = await inCache(cacheDirectory, env);
      if (cached !== null) return cached;
    } catch (error) {
      reasons.push(`the copy in ${cacheDirectory} does not run: ${lastLine(error)}`);
    }
    if ((await onPath('apt-get', env)) === null) throw new RedisMissingError([...reasons, 'no apt-get here']);

    if (process.getuid?.() === 0) {
      say('installing redis-server with apt-get');
      try {
        await installWithApt(env);
        const installed = await present();
        if (installed !== null) return installed;
        reasons.push('apt-get installed it, but it is not on the path');
      } catch (error) {
        reasons.push(`apt-get install: ${lastLine(error)}`);
      }
    }
    say(`fetching redis-server into ${cacheDirectory}`);
    try {
      await unpackInto(cacheDirectory, env);
      const unpacked = await inCache(cacheDirectory, env);
      if (unpacked !== null) return unpacked;
      reasons.push('the packages hold no redis-server');
    } catch (error) {
      reasons.push(`apt-get download: ${lastLine(error)}`);
    }
    throw new RedisMissingError(reasons);
  } finally {
    await lock.release();
  }
}

/** Environment in which the program finds its libraries. */
export const redisEnvironment = (program: RedisProgram): NodeJS.ProcessEnv => environmentFor(program, process.env);
