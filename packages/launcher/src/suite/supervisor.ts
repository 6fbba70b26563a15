import { setTimeout as sleep } from 'node:timers/promises';

/** A process that can be watched and ended. */
export interface RunningProcess {
  readonly pid: number;
  /** Resolves when it is gone, with how it ended in words: "ended with exit code 1". */
  readonly exited: Promise<string>;
  /** Asks it to end and waits until it has. */
  stop(): Promise<void>;
  /** Ends it without asking. */
  kill(): void;
}

export interface SupervisorOptions {
  name: string;
  start(): Promise<RunningProcess>;
  /** Told in one sentence what happened and what is done about it. */
  say(message: string): void;
  /** Wait before the first restart; doubles up to `maxBackoffMs`. */
  backoffMs?: number;
  maxBackoffMs?: number;
  /** Once it has lived this long, the wait begins small again. */
  steadyAfterMs?: number;
}

/** Keeps a process running: when it ends by itself, it is started again, later each time. */
export class Supervisor {
  readonly name: string;
  readonly #options: SupervisorOptions;
  readonly #stopping = new AbortController();
  #process: RunningProcess | undefined;
  #watching: Promise<void> = Promise.resolve();

  constructor(options: SupervisorOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts it for the first time. A failure of this start is the caller's; only what ran once is restarted. */
  async start(): Promise<void> {
    this.#process = await this.#options.start();
    this.#watching = this.#watch(this.#process);
  }

  async #watch(first: RunningProcess): Promise<void> {
    const { backoffMs = 500, maxBackoffMs = 30_000, steadyAfterMs = 60_000, say } = this.#options;
    let running: RunningProcess | undefined = first;
    let startedAt = performance.now();
    for (let waitMs = backoffMs; ; waitMs = Math.min(2 * waitMs, maxBackoffMs)) {
      let reason: string;
      if (running === undefined) reason = 'did not start';
      else {
        reason = await running.exited;
        if (performance.now() - startedAt >= steadyAfterMs) waitMs = backoffMs;
      }
      this.#process = undefined;
      if (this.#stopping.signal.aborted) return;
      say(`${this.name} ${reason}; starting it again in ${waitMs / 1000} s`);
      try {
        await sleep(waitMs, undefined, { signal: this.#stopping.signal });
      } catch {
        return; // stopped while waiting
      }
      startedAt = performance.now();
      running = await this.#startAgain();
    }
  }

  async #startAgain(): Promise<RunningProcess | undefined> {
    try {
      this.#process = await this.#options.start();
      // a stop that came in while it was starting has seen no process to end
      if (this.#stopping.signal.aborted) await this.#process.stop();
      return this.#process;
    } catch (error) {
      this.#options.say(`${this.name}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }

  /** Ends the process and the watch over it. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#process?.stop();
    await this.#watching;
  }

  kill(): void {
    this.#stopping.abort();
    this.#process?.kill();
  }
}
