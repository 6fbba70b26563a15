import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { FeedbackStore } from '../feedback/feedback-store.ts';

const ROUND_MS = 60_000;

/** Lets time have its effect on what analysts have decided, now and then. Every backend does: what comes of it is the same. */
export class FeedbackTending {
  readonly #feedback: FeedbackStore;
  readonly #logger: Logger;
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(feedback: FeedbackStore, logger: Logger) {
    this.#feedback = feedback;
    this.#logger = logger;
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#feedback.tend();
      } catch (error) {
        this.#logger.warn(
          { err: error },
          'alarm rates and rules were not brought up to date; trying again in a minute',
        );
      }
      // It rejects only because it was woken to stop.
      await sleep(ROUND_MS, undefined, { signal }).catch(() => {});
    }
  }
}
