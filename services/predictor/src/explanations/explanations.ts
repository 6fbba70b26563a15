import { Worker } from 'node:worker_threads';
import type { ShapRecord } from '@liminal/shared/contracts/explanation';
import type { LoadedRelease } from '@liminal/shared/release/load-release';
import type { Logger } from 'pino';
import {
  ExplanationRefusedError,
  type ExplanationTask,
  type ScoredAnomaly,
  type VectorExplanation,
} from './explanation-task.ts';
import type { ThreadAnswer, ThreadRequest } from './explanation-thread.ts';

/** Far beyond what any request takes: after this the thread hangs and is replaced. */
const ANSWER_WITHIN_MS = 30_000;

/** The thread ended, or was ended, before it answered. */
export class ExplanationsLostError extends Error {
  override readonly name = 'ExplanationsLostError';
}

type Result = Extract<ThreadAnswer, { type: 'done' }>['result'];

interface Waiting {
  request: ThreadRequest;
  resolve(result: Result): void;
  reject(error: Error): void;
}

/** In the order in which they are taken. Anomalies hold up scoring, and are few at a time: they go before requests. */
const PRIORITIES: Record<ThreadRequest['type'], number> = { open: 0, 'explain-anomalies': 1, explain: 2, close: 3 };

/**
 * Explanations, made in a thread of its own, so that they keep no event loop and leave the scoring its core. Requests are
 * answered one at a time. A thread that ends or hangs is replaced and is given the open releases again.
 */
export class Explanations {
  readonly #logger: Logger;
  readonly #queues: Waiting[][] = [[], [], [], []];
  readonly #releases = new Map<string, LoadedRelease>();
  #worker: Worker | undefined;
  #current: Waiting | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor({ logger }: { logger: Logger }) {
    this.#logger = logger;
  }

  /** Vectors that somebody waits for. */
  get waiting(): number {
    return this.#queues[PRIORITIES.explain]!.length + (this.#current?.request.type === 'explain' ? 1 : 0);
  }

  /** From now on vectors are explained by this release. The thread, which takes some 60 MB, starts when one is to be. */
  async open(loaded: LoadedRelease): Promise<void> {
    this.#releases.set(loaded.manifest.id, loaded);
    if (this.#worker !== undefined) await this.#ask({ type: 'open', loaded });
  }

  /** Gives back the memory of a release, after everything that was asked before. */
  async close(release: string): Promise<void> {
    this.#releases.delete(release);
    if (this.#worker !== undefined) await this.#ask({ type: 'close', release });
  }

  async explain(task: ExplanationTask): Promise<VectorExplanation> {
    return (await this.#ask({ type: 'explain', task })) as VectorExplanation;
  }

  /** By the release that found them. */
  async explainAnomalies(release: string, anomalies: readonly ScoredAnomaly[]): Promise<ShapRecord[]> {
    return (await this.#ask({ type: 'explain-anomalies', release, anomalies })) as ShapRecord[];
  }

  /** Gives all memory back, then ends the thread: it is not ended in the middle of a run. */
  async stop(): Promise<void> {
    await Promise.allSettled([...this.#releases.keys()].map((release) => this.close(release)));
    this.#isStopped = true;
    await this.#worker?.terminate();
  }

  #ask(request: ThreadRequest): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#isStopped) return reject(new ExplanationsLostError('explanations have stopped'));
      this.#queues[PRIORITIES[request.type]]!.push({ request, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    if (this.#current !== undefined) return;
    if (this.#queues.every((queue) => queue.length === 0)) return;
    this.#worker ??= this.#start();
    const next = this.#queues.find((queue) => queue.length > 0)!.shift()!;
    this.#current = next;
    this.#timer = setTimeout(() => {
      this.#logger.error({ request: next.request.type }, 'the explanation thread hangs; replacing it');
      void this.#worker?.terminate();
    }, ANSWER_WITHIN_MS);
    this.#worker.postMessage(next.request);
  }

  #start(): Worker {
    const worker = new Worker(new URL('./explanation-thread.ts', import.meta.url), { execArgv: [] });
    worker.on('message', (answer: ThreadAnswer) => this.#settle(answer));
    worker.on('error', (error) => this.#logger.error({ err: error }, 'the explanation thread failed; replacing it'));
    worker.on('exit', (code) => this.#onExit(code));
    // What waits for answers keeps the process running, not the thread by itself.
    worker.unref();
    const failed = (error: Error): void => this.#logger.error({ err: error }, 'could not open a release to explain by');
    for (const loaded of this.#releases.values()) {
      this.#queues[PRIORITIES.open]!.push({ request: { type: 'open', loaded }, resolve: () => {}, reject: failed });
    }
    return worker;
  }

  #settle(answer: ThreadAnswer): void {
    const settled = this.#current;
    clearTimeout(this.#timer);
    this.#current = undefined;
    if (answer.type === 'done') settled?.resolve(answer.result);
    else settled?.reject(answer.type === 'refused' ? new ExplanationRefusedError(answer.code) : answer.error);
    this.#next();
  }

  #onExit(code: number): void {
    this.#worker = undefined;
    // One that the thread can't be given would end the next one too.
    if (this.#current?.request.type === 'open') this.#releases.delete(this.#current.request.loaded.manifest.id);
    const lost = new ExplanationsLostError(`the explanation thread ended with code ${code}`);
    // The next thread is given the open releases anew; what waits for this one's would be a second time.
    for (const waiting of this.#queues[PRIORITIES.open]!.splice(0)) waiting.resolve(undefined);
    if (this.#isStopped) for (const waiting of this.#queues.flatMap((queue) => queue.splice(0))) waiting.reject(lost);
    this.#settle({ type: 'failed', error: lost });
  }
}
