import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { FeedbackStore } from '../feedback/feedback-store.ts';

const ROUND_MS = 60_000;
/** The first round comes while the connection is still being made. */
const RETRY_MS = 1_000;

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
    for (let failures = 0; !signal.aborted; ) {
      try {
        await this.#feedback.tend();
        failures = 0;
      } catch (error) {
        failures++;
        if (failures === 2)
          this.#logger.warn({ err: error }, 'alarm rates and rules are not brought up to date; retrying');
      }
      // It rejects only because it was woken to stop.
      await sleep(failures === 0 ? ROUND_MS : RETRY_MS, undefined, { signal }).catch(() => {});
    }
  }
}
