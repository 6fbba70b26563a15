import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { ReleaseRegistry } from '../registry/release-registry.ts';
import { trainRelease } from './train-release.ts';

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;

export interface FactoryReleaseOptions {
  registry: ReleaseRegistry;
  seed: number;
  signal: AbortSignal;
  logger: Logger;
}

/**
 * The release that serves until there is enough traffic to learn from: trained once, at the first start, from simulated
 * traffic. While the store is away it is tried again, each time after a longer wait.
 */
export class FactoryRelease {
  readonly #options: FactoryReleaseOptions;
  #problem: string | undefined;

  constructor(options: FactoryReleaseOptions) {
    this.#options = options;
  }

  /** What was in the way at the last try. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Throws, in plain words, while no release serves. */
  async check(): Promise<void> {
    // First, since with the store away nothing else can be found out.
    if (this.#problem !== undefined) throw new Error(this.#problem);
    if ((await this.#options.registry.pointer('production')) !== null) return;
    throw new Error('the factory release is being trained');
  }

  /** Returns once a release serves. Throws the signal's reason when it is to stop before. */
  async ensure(): Promise<void> {
    const { signal, logger } = this.#options;
    for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS)) {
      try {
        await this.#trainUnlessServed();
        this.#problem = undefined;
        return;
      } catch (error) {
        signal.throwIfAborted();
        const reason = error instanceof Error ? error.message : String(error);
        this.#problem = `the factory release could not be trained (${reason}); trying again every few seconds`;
        logger.error({ err: error, retryMs }, 'could not train the factory release; trying again');
      }
      await sleep(retryMs, undefined, { signal });
    }
  }

  async #trainUnlessServed(): Promise<void> {
    const { registry, seed, signal, logger } = this.#options;
    if ((await registry.pointer('production')) !== null) return;
    logger.info('training the factory release from simulated traffic');
    const { release } = await trainRelease(
      {
        rows: { source: 'simulator', seed },
        provisional: true,
        promote: true,
        seed,
        reason: 'first start: the factory release serves until there is enough traffic to learn from',
        by: 'kenning',
      },
      {
        registry,
        signal,
        onProgress: ({ stage, ratio }) => logger.debug({ stage, ratio }, 'factory release'),
        warn: (fields, message) => logger.warn(fields, message),
      },
    );
    logger.info({ release }, 'factory release serves');
  }
}
