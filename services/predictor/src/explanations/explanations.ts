import { Worker } from 'node:worker_threads';
import type { LoadedRelease } from '@liminal/shared/release/load-release';
import type { Logger } from 'pino';
import {
  type AnomalyTask,
  type EncodedExplanation,
  ExplanationRefusedError,
  type ExplanationTask,
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

/**
 * Explanations, made in a thread of its own, so that they keep no event loop and leave the scoring its core. The thread
 * answers in the order in which it is asked. Anomalies are handed to it at once: they hold up scoring, are few at a time, and
 * would wait for turns of a busy event loop in between. What requests ask for is handed to it one by one, so that anomalies
 * wait for one of them at most.
 *
 * The thread, which takes some 60 MB, starts with the first explanation. One that ends or hangs is replaced.
 */
export class Explanations {
  readonly #logger: Logger;
  readonly #releases = new Map<string, LoadedRelease>();
  /** In the order in which the thread answers. */
  readonly #asked: Waiting[] = [];
  /** What requests ask for, but for the one that is with the thread. */
  readonly #queue: Waiting[] = [];
  #worker: Worker | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor({ logger }: { logger: Logger }) {
    this.#logger = logger;
  }

  /** Vectors that requests wait for. */
  get waiting(): number {
    return this.#queue.length + Number(this.#isExplaining);
  }

  get #isExplaining(): boolean {
    return this.#asked.some(({ request }) => request.type === 'explain');
  }

  /** From now on vectors are explained by this release. */
  async open(loaded: LoadedRelease): Promise<void> {
    this.#releases.set(loaded.manifest.id, loaded);
    if (this.#worker !== undefined) await this.#ask({ type: 'open', loaded });
  }

  /** Gives back the memory of a release, after everything that was asked before. */
  async close(release: string): Promise<void> {
    this.#releases.delete(release);
    if (this.#worker !== undefined) await this.#ask({ type: 'close', release });
  }

  explain(task: ExplanationTask): Promise<VectorExplanation> {
    return new Promise((resolve, reject) => {
      const request = { type: 'explain', task } as const;
      this.#queue.push({ request, resolve: (result) => resolve(result as VectorExplanation), reject });
      this.#askNext();
    });
  }

  /** By the release that found them. */
  async explainAnomalies(release: string, anomalies: readonly AnomalyTask[]): Promise<EncodedExplanation[]> {
    return (await this.#ask({ type: 'explain-anomalies', release, anomalies })) as EncodedExplanation[];
  }

  /** Gives all memory back, then ends the thread: it is not ended in the middle of a run. */
  async stop(): Promise<void> {
    await Promise.allSettled([...this.#releases.keys()].map((release) => this.close(release)));
    this.#isStopped = true;
    await this.#worker?.terminate();
  }

  #ask(request: ThreadRequest): Promise<Result> {
    return new Promise((resolve, reject) => this.#post({ request, resolve, reject }));
  }

  #askNext(): void {
    if (this.#isExplaining) return;
    const next = this.#queue.shift();
    if (next !== undefined) this.#post(next);
  }

  #post(waiting: Waiting): void {
    if (this.#isStopped) {
      waiting.reject(new ExplanationsLostError('explanations have stopped'));
      return;
    }
    const worker = this.#worker ?? this.#start();
    this.#asked.push(waiting);
    if (this.#asked.length === 1) this.#expectAnswer();
    worker.postMessage(waiting.request);
  }

  #start(): Worker {
    const worker = new Worker(new URL('./explanation-thread.ts', import.meta.url), { execArgv: [] });
    this.#worker = worker;
    worker.on('message', (answer: ThreadAnswer) => this.#onAnswer(answer));
    worker.on('error', (error) => this.#logger.error({ err: error }, 'the explanation thread failed; replacing it'));
    worker.on('exit', (code) => this.#onExit(code));
    // What waits for answers keeps the process running, not the thread by itself.
    worker.unref();
    const reject = (error: Error): void => this.#logger.error({ err: error }, 'could not open a release to explain by');
    for (const loaded of this.#releases.values()) {
      this.#post({ request: { type: 'open', loaded }, resolve: () => {}, reject });
    }
    return worker;
  }

  /** Within a time that begins with each answer. */
  #expectAnswer(): void {
    clearTimeout(this.#timer);
    const [next] = this.#asked;
    if (next === undefined) return;
    this.#timer = setTimeout(() => {
      this.#logger.error({ request: next.request.type }, 'the explanation thread hangs; replacing it');
      void this.#worker?.terminate();
    }, ANSWER_WITHIN_MS);
  }

  #onAnswer(answer: ThreadAnswer): void {
    const answered = this.#asked.shift();
    this.#expectAnswer();
    if (answer.type === 'done') answered?.resolve(answer.result);
    else answered?.reject(answer.type === 'refused' ? new ExplanationRefusedError(answer.code) : answer.error);
    this.#askNext();
  }

  #onExit(code: number): void {
    this.#worker = undefined;
    const lost = new ExplanationsLostError(`the explanation thread ended with code ${code}`);
    const asked = this.#asked.splice(0);
    this.#expectAnswer();
    // A release that the thread can't be given would end the next one too.
    if (asked[0]?.request.type === 'open') this.#releases.delete(asked[0].request.loaded.manifest.id);
    for (const waiting of asked) waiting.reject(lost);
    if (this.#isStopped) for (const waiting of this.#queue.splice(0)) waiting.reject(lost);
    this.#askNext();
  }
}
