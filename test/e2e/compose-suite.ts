import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '@liminal/shared/testing/redis';
import { until } from './service-process.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PULL_TIMEOUT_MS = 90_000;
const PORT_SETTINGS = {
  backend: 'BACKEND_PORT',
  'feature-extractor': 'FEATURE_EXTRACTOR_PORT',
  predictor: 'PREDICTOR_PORT',
  'auto-retrainer': 'AUTO_RETRAINER_PORT',
  kenning: 'KENNING_PORT',
  prometheus: 'PROMETHEUS_PORT',
  alertmanager: 'ALERTMANAGER_PORT',
  grafana: 'GRAFANA_PORT',
  redis: 'TEST_REDIS_PORT',
  minio: 'TEST_MINIO_PORT',
} as const;
/** Those that show what happens, and without which all else works. */
const OPTIONAL = ['grafana', 'redis-exporter'];

export type Published = keyof typeof PORT_SETTINGS;

const exec = promisify(execFile);

/** Runs a program to its end and returns what it wrote. Throws with its last words. */
async function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv, timeoutMs = 0): Promise<string> {
  try {
    const options = { cwd: ROOT, env, maxBuffer: 256 * 1024 * 1024, timeout: timeoutMs };
    const { stdout, stderr } = await exec(program, args, options);
    return stdout + (program.endsWith('.sh') || args.includes('logs') ? stderr : '');
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    const words = `${stdout}\n${stderr}`.trim().split('\n').slice(-25).join('\n');
    throw new Error(`${program} ${args.join(' ')} failed:\n${words}`, { cause: error });
  }
}

const docker = (...args: string[]): Promise<string> => run('docker', args, process.env);
const works = (promise: Promise<unknown>): Promise<boolean> =>
  promise.then(
    () => true,
    () => false,
  );

/** What Compose can be brought up with here, or why it can't. */
export type Available = { compose: string[]; services: string[]; leftOut: string[] } | { reason: string };

/** Looks for a Docker engine, Compose and the images; what is not there is pulled, where it can be. */
export async function findCompose(): Promise<Available> {
  if (!(await works(run('docker', ['version'], process.env, 10_000)))) return { reason: 'there is no Docker engine' };
  const compose = [['docker', 'compose'], ['docker-compose']];
  let found: string[] | undefined;
  for (const words of compose) {
    const [program, ...args] = words;
    if (found === undefined && (await works(run(program!, [...args, 'version'], process.env)))) found = words;
  }
  if (found === undefined) return { reason: 'there is no Compose' };

  const [program, ...args] = found;
  const config = await run(program!, [...args, '-f', 'docker-compose.ml.yml', 'config'], process.env);
  const images = new Map<string, string>();
  let service = '';
  for (const line of config.slice(config.indexOf('services:')).split('\n')) {
    service = /^ {2}([\w-]+):$/.exec(line)?.[1] ?? service;
    const image = /^ {4}image: (\S+)$/.exec(line)?.[1];
    if (image !== undefined) images.set(service, image);
  }
  const bases = [...readFileSync(`${ROOT}Dockerfile`, 'utf8').matchAll(/^FROM (node:\S+)/gm)].map(([, base]) => base!);
  const missing: string[] = [];
  for (const image of new Set([...images.values(), ...bases])) {
    if (image.startsWith('liminal/') || (await works(docker('image', 'inspect', image)))) continue;
    if (!(await works(run('docker', ['pull', '-q', image], process.env, PULL_TIMEOUT_MS)))) missing.push(image);
  }
  const isMissing = (name: string): boolean => missing.includes(images.get(name) ?? '');
  const needed = missing.filter((image) => !OPTIONAL.some((name) => images.get(name) === image));
  if (needed.length > 0) return { reason: `these images can't be had: ${needed.join(', ')}` };
  const services = [...images.keys()].filter((name) => name !== 'simulator' && !isMissing(name));
  return { compose: found, services, leftOut: OPTIONAL.filter(isMissing) };
}

/** The suite under Compose, in a project and on ports of its own. */
export class ComposeSuite {
  readonly services: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly #compose: readonly string[];

  private constructor(available: Extract<Available, { compose: string[] }>, env: NodeJS.ProcessEnv) {
    this.services = available.services;
    this.#compose = available.compose;
    this.env = env;
  }

  static async prepare(
    available: Extract<Available, { compose: string[] }>,
    settings: Record<string, string>,
  ): Promise<ComposeSuite> {
    const ports: Record<string, string> = {};
    for (const setting of Object.values(PORT_SETTINGS)) ports[setting] = String(await freePort());
    return new ComposeSuite(available, {
      ...process.env,
      COMPOSE: available.compose.join(' '),
      COMPOSE_FILE: 'docker-compose.ml.yml:test/e2e/compose-stores.yml',
      COMPOSE_PROJECT_NAME: `liminal-e2e-${process.pid}`,
      ...ports,
      ...settings,
    });
  }

  compose(...args: string[]): Promise<string> {
    const [program, ...words] = this.#compose;
    return run(program!, [...words, ...args], this.env);
  }

  script(path: string, ...args: string[]): Promise<string> {
    return run(`${ROOT}${path}`, args, this.env);
  }

  up(...args: string[]): Promise<string> {
    return this.compose('up', '-d', ...args, ...this.services);
  }

  port(service: Published): number {
    return Number(this.env[PORT_SETTINGS[service]]);
  }

  url(service: Published): string {
    return `http://127.0.0.1:${this.port(service)}`;
  }

  /** Those that run, with what `docker ps` says of them. */
  async running(): Promise<{ service: string; id: string; status: string }[]> {
    const filter = `label=com.docker.compose.project=${this.env.COMPOSE_PROJECT_NAME}`;
    const format = '{{.Label "com.docker.compose.service"}}\t{{.ID}}\t{{.Status}}';
    const lines = (await docker('ps', '--filter', filter, '--format', format)).split('\n').filter(Boolean);
    return lines.map((line) => {
      const [service = '', id = '', status = ''] = line.split('\t');
      return { service, id, status };
    });
  }

  async containers(name: string): Promise<string[]> {
    return (await this.running()).filter(({ service }) => service === name).map(({ id }) => id);
  }

  async inspect(container: string, format: string): Promise<string> {
    return (await docker('inspect', '--format', format, container)).trim();
  }

  docker(...args: string[]): Promise<string> {
    return docker(...args);
  }

  /** Throws naming those that are not healthy in time. */
  async allHealthy(withinMs: number): Promise<void> {
    let unhealthy: string[] = [];
    const check = async (): Promise<boolean> => {
      const running = await this.running();
      const absent = this.services.filter((name) => running.every(({ service }) => service !== name));
      const unwell = running.filter(({ service, status }) => service !== 'simulator' && !status.endsWith('(healthy)'));
      unhealthy = [...absent, ...unwell.map(({ service, status }) => `${service} (${status})`)];
      return unhealthy.length === 0;
    };
    await until('all are healthy', check, withinMs).catch((error: unknown) => {
      throw new Error(`not healthy: ${unhealthy.join(', ')}`, { cause: error });
    });
  }
}
