import type { ModelStore } from '@liminal/shared/adapters/model-store';
import { loadRelease, readPointer } from '@liminal/shared/release/load-release';
import { OpenRelease } from '@liminal/shared/release/open-release';
import type { TrustedKeys } from '@liminal/shared/release/signing-key';
import type { Logger } from 'pino';
import type { Metrics } from '../metrics.ts';

export interface ReleaseWatcherOptions {
  store: ModelStore;
  /** The keys may come after this service does, so they are asked for at each look. */
  readTrustedKeys(): Promise<TrustedKeys>;
  pollMs: number;
  logger: Logger;
  metrics: Metrics;
}

/**
 * Follows the production pointer. A new release is verified and warmed up beside the old one and then takes its
 * place between two runs; one that can't be verified leaves the old one serving, and says so.
 */
export class ReleaseWatcher {
  readonly #options: ReleaseWatcherOptions;
  #current: OpenRelease | undefined;
  #waitingFor = 'kenning is preparing the first release';
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: ReleaseWatcherOptions) {
    this.#options = options;
  }

  get current(): OpenRelease | undefined {
    return this.#current;
  }

  /** What is missing while there is no release. */
  get waitingFor(): string {
    return this.#waitingFor;
  }

  start(): void {
    this.#looking = this.#look().finally(() => {
      if (!this.#isStopped) this.#timer = setTimeout(() => this.start(), this.#options.pollMs);
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
    await this.#current?.close();
  }

  async #look(): Promise<void> {
    const { store, logger, metrics } = this.#options;
    let id: string | undefined;
    try {
      id = (await readPointer(store, 'production'))?.release;
      if (id === undefined || id === this.#current?.id) return;
      const next = await OpenRelease.open(await loadRelease(store, await this.#options.readTrustedKeys(), id));
      const previous = this.#current;
      this.#current = next;
      metrics.releaseLoads.labels('loaded').inc();
      metrics.releaseInfo.set(next.isProvisional ? 1 : 0);
      metrics.releaseCreated.set(Date.parse(next.manifest.createdAt) / 1000);
      logger.info({ release: next.id, previous: previous?.id, provisional: next.isProvisional }, 'release serves now');
      await previous?.close();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== this.#waitingFor) {
        logger.error({ err: error, release: id, serving: this.#current?.id }, 'could not load the release');
        metrics.releaseLoads.labels('refused').inc();
      }
      this.#waitingFor = reason;
    }
  }
}
