import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Event } from '@liminal/shared/contracts/event';
import { freePort } from '@liminal/shared/testing/redis';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const START_TIMEOUT_MS = 30_000;

export type ServiceName = 'backend' | 'feature-extractor' | 'predictor' | 'kenning' | 'auto-retrainer';

/** A service as its operators run it: a process of its own, with its settings in the environment. */
export class ServiceProcess {
  readonly name: ServiceName;
  readonly url: string;
  readonly #env: Record<string, string>;
  #child: ChildProcess | undefined;
  #output = '';

  private constructor(name: ServiceName, port: number, env: Record<string, string>) {
    this.name = name;
    this.url = `http://127.0.0.1:${port}`;
    this.#env = { ...env, PORT: String(port), LOG_LEVEL: 'warn' };
  }

  static async start(name: ServiceName, env: Record<string, string>): Promise<ServiceProcess> {
    const service = new ServiceProcess(name, await freePort(), env);
    await service.start();
    return service;
  }

  /** Starts it and waits for `/health`. */
  async start(): Promise<void> {
    this.#child = spawn(process.execPath, [`services/${this.name}/src/main.ts`], {
      cwd: ROOT,
      env: { PATH: process.env.PATH ?? '', NODE_OPTIONS: '--max-semi-space-size=4', ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.on('data', (chunk) => {
        this.#output = (this.#output + String(chunk)).slice(-20_000);
      });
    }
    await this.#answers('/health');
  }

  /** Waits for `/ready` to answer 200. */
  ready(): Promise<void> {
    return this.#answers('/ready');
  }

  /** SIGKILL: no chance to finish anything. */
  async kill(): Promise<void> {
    const child = this.#child!;
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** SIGSTOP: it stands still, with all its connections open, and does not know it. */
  freeze(): void {
    this.#child!.kill('SIGSTOP');
  }

  /** SIGCONT: it goes on where it stood still. */
  thaw(): void {
    this.#child!.kill('SIGCONT');
  }

  /** SIGTERM, and waits for the end. Returns the exit code. */
  async stop(): Promise<number | null> {
    const child = this.#child!;
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    return child.exitCode;
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  /** The last of what it logged. */
  get output(): string {
    return this.#output;
  }

  /** Gives what it logs from now on. */
  outputFromHere(): () => string {
    let said = '';
    for (const stream of [this.#child!.stdout!, this.#child!.stderr!]) {
      stream.on('data', (chunk) => {
        said += String(chunk);
      });
    }
    return () => said;
  }

  async #answers(path: string): Promise<void> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (performance.now() < deadline) {
      if (this.#child!.exitCode !== null) break;
      try {
        const response = await fetch(this.url + path);
        await response.arrayBuffer();
        if (response.ok) return;
      } catch {
        // Not listening yet.
      }
      await sleep(50);
    }
    throw new Error(`${this.name} does not answer ${path}; its last words:\n${this.#output}`);
  }
}

/** Asks again until `condition` holds. Throws what it waited for after the time-out. */
export async function until(what: string, condition: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`gave up waiting until ${what}`);
    await sleep(100);
  }
}

/** Sends a call until it is answered 202, however often the backend dies in between. */
export async function sendUntilTaken(backend: Pick<ServiceProcess, 'url'>, events: readonly Event[]): Promise<void> {
  const body = JSON.stringify(events);
  for (;;) {
    try {
      const url = `${backend.url}/events`;
      const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      const answer = await response.text();
      if (response.status === 202) return;
      if (response.status !== 503) throw new Error(`unexpected answer ${response.status}: ${answer}`);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
    await sleep(20);
  }
}

/** Waits until every accepted event is folded, and every vector scored and archived. */
export function everythingIsArchived(backend: Pick<ServiceProcess, 'url'>, timeoutMs?: number): Promise<void> {
  const isArchived = async (): Promise<boolean> => {
    const response = await fetch(`${backend.url}/ml/metrics`);
    const summary = (await response.json()) as Record<'events' | 'vectors' | 'predictions', { lag: number }>;
    return summary.events.lag === 0 && summary.vectors.lag === 0 && summary.predictions.lag === 0;
  };
  return until('all events are folded, scored and archived', isArchived, timeoutMs);
}
