import type { ModelStore } from '@liminal/shared/adapters/model-store';
import { StoreAccessDeniedError, StoreUnreachableError } from '@liminal/shared/adapters/object-errors';
import type { PointerName } from '@liminal/shared/contracts/release';
import { type LoadedRelease, loadRelease, readPointer } from '@liminal/shared/release/load-release';
import { OpenRelease } from '@liminal/shared/release/open-release';
import { ReleaseError } from '@liminal/shared/release/release-errors';
import type { TrustedKeys } from '@liminal/shared/release/signing-key';
import type { Logger } from 'pino';
import type { Metrics } from '../metrics.ts';

const PROBLEMS = ['refused', 'failed'] as const;
/** `refused`: what lies there can't be trusted or read. `failed`: the store does not give it, which may pass. */
type Problem = (typeof PROBLEMS)[number];

const FIRST_RELEASE = 'kenning is preparing the first release';

export interface ReleaseWatcherOptions {
  store: ModelStore;
  /** The keys may come after this service does, so they are asked for at each look. */
  readTrustedKeys(): Promise<TrustedKeys>;
  pollMs: number;
  logger: Logger;
  metrics: Metrics;
  /** Before a release serves. */
  onOpen(loaded: LoadedRelease): Promise<void>;
  /** After another one has taken its place. */
  onReplaced(release: string): void;
}

/**
 * Follows the pointers to what serves and to its shadow, which is none where both show the same. A new release is
 * verified and warmed up beside the old one and then takes its place between two runs; one that can't be verified
 * leaves the old one serving, and says so.
 */
export class ReleaseWatcher {
  readonly #options: ReleaseWatcherOptions;
  #current: OpenRelease | undefined;
  #shadow: OpenRelease | undefined;
  #refusedShadow = '';
  /** Why the newest look for the shadow failed; empty when it did not. */
  #shadowFailure = '';
  /** Why there is no release, or why the newest look for one failed. */
  #waitingFor = FIRST_RELEASE;
  /** What came of the newest look for each that was no success. */
  readonly #problems = new Map<PointerName, Problem>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: ReleaseWatcherOptions) {
    this.#options = options;
  }

  get current(): OpenRelease | undefined {
    return this.#current;
  }

  /** What scores beside it, if anything does. */
  get shadow(): OpenRelease | undefined {
    return this.#shadow;
  }

  /** What is missing while there is no release. */
  get waitingFor(): string {
    return this.#waitingFor;
  }

  start(): void {
    this.#looking = this.#lookAtBoth().finally(() => {
      if (!this.#isStopped) this.#timer = setTimeout(() => this.start(), this.#options.pollMs);
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
    await this.#current?.close();
    await this.#shadow?.close();
  }

  async #lookAtBoth(): Promise<void> {
    await this.#look();
    await this.#lookAtShadow();
    const problems = [...this.#problems.values()];
    for (const problem of PROBLEMS) {
      this.#options.metrics.releaseBlocked.labels(problem).set(problems.includes(problem) ? 1 : 0);
    }
  }

  /** A shadow that can't be loaded is none: what serves does not depend on it. */
  async #lookAtShadow(): Promise<void> {
    const { store, logger, metrics } = this.#options;
    let id: string | undefined;
    try {
      const pointed = (await readPointer(store, 'shadow'))?.release;
      id = this.#current === undefined || pointed === this.#current.id ? undefined : pointed;
      if (id === this.#refusedShadow) {
        this.#problems.set('shadow', 'refused');
        return;
      }
      if (id === this.#shadow?.id) {
        this.#shadowFailure = '';
        this.#problems.delete('shadow');
        return;
      }
      const next =
        id === undefined
          ? undefined
          : await OpenRelease.open(await loadRelease(store, await this.#options.readTrustedKeys(), id));
      const previous = this.#shadow;
      this.#shadow = next;
      metrics.shadowActive.set(next === undefined ? 0 : 1);
      logger.info({ shadow: next?.id, previous: previous?.id }, 'shadow release changed');
      this.#shadowFailure = '';
      this.#problems.delete('shadow');
      await previous?.close();
    } catch (error) {
      const reason = messageOf(error);
      this.#problems.set('shadow', problemOf(error));
      if (reason !== this.#shadowFailure) {
        logger.error({ err: error, release: id }, 'could not load the shadow release');
        metrics.releaseLoads.labels(problemOf(error)).inc();
      }
      this.#shadowFailure = reason;
      if (error instanceof ReleaseError) this.#refusedShadow = id ?? '';
    }
  }

  async #look(): Promise<void> {
    const { store, logger, metrics } = this.#options;
    let id: string | undefined;
    try {
      id = (await readPointer(store, 'production'))?.release;
      if (id === undefined || id === this.#current?.id) {
        this.#waitingFor = FIRST_RELEASE;
        this.#problems.delete('production');
        return;
      }
      const loaded = await loadRelease(store, await this.#options.readTrustedKeys(), id);
      const next = await OpenRelease.open(loaded);
      await this.#options.onOpen(loaded);
      const previous = this.#current;
      this.#current = next;
      this.#waitingFor = FIRST_RELEASE;
      this.#problems.delete('production');
      metrics.releaseLoads.labels('loaded').inc();
      metrics.releaseInfo.reset();
      metrics.releaseInfo.labels(next.id).set(1);
      metrics.releaseProvisional.set(next.isProvisional ? 1 : 0);
      metrics.releaseCreated.set(Date.parse(next.manifest.createdAt) / 1000);
      logger.info({ release: next.id, previous: previous?.id, provisional: next.isProvisional }, 'release serves now');
      if (previous !== undefined) this.#options.onReplaced(previous.id);
      await previous?.close();
    } catch (error) {
      const reason = messageOf(error);
      this.#problems.set('production', problemOf(error));
      if (reason !== this.#waitingFor) {
        logger.error({ err: error, release: id, serving: this.#current?.id }, 'could not load the release');
        metrics.releaseLoads.labels(problemOf(error)).inc();
      }
      this.#waitingFor = reason;
    }
  }
}

const problemOf = (error: unknown): Problem =>
  error instanceof StoreUnreachableError || error instanceof StoreAccessDeniedError ? 'failed' : 'refused';

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
