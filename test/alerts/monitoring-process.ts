import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@liminal/shared/testing/redis';

const START_WITHIN_MS = 30_000;

/** A program of the monitoring that runs beside a test, with a directory of its own. */
export class MonitoringProcess implements AsyncDisposable {
  readonly url: string;
  readonly directory: string;
  readonly #child: ChildProcess;
  readonly #killOnExit = (): void => void this.#child.kill('SIGKILL');
  #output = '';

  private constructor(child: ChildProcess, url: string, directory: string) {
    this.#child = child;
    this.url = url;
    this.directory = directory;
    // A test run that ends early must not leave it behind.
    process.on('exit', this.#killOnExit);
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (chunk) => {
        this.#output = (this.#output + String(chunk)).slice(-20_000);
      });
    }
  }

  /** `command` is given the directory and the port, and tells program, arguments and environment. */
  static async start(
    command: (
      directory: string,
      port: number,
    ) => Promise<{ program: string; args: string[]; env?: Record<string, string> }>,
    readyPath: string,
  ): Promise<MonitoringProcess> {
    const directory = await mkdtemp(join(tmpdir(), 'liminal-monitoring-'));
    const port = await freePort();
    const { program, args, env } = await command(directory, port);
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    const started = new MonitoringProcess(child, `http://127.0.0.1:${port}`, directory);
    try {
      await started.#answers(readyPath);
    } catch (error) {
      await started.stop();
      throw error;
    }
    return started;
  }

  /** The last of what it logged. */
  get output(): string {
    return this.#output;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGKILL');
      await once(this.#child, 'exit');
    }
    process.off('exit', this.#killOnExit);
    await rm(this.directory, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #answers(path: string): Promise<void> {
    const deadline = performance.now() + START_WITHIN_MS;
    while (performance.now() < deadline && this.#child.exitCode === null) {
      try {
        if ((await fetch(this.url + path)).ok) return;
      } catch {
        // Not listening yet.
      }
      await sleep(50);
    }
    throw new Error(`${this.url} does not answer ${path}; its last words:\n${this.#output}`);
  }
}
