import { FEATURE_COUNT } from '@liminal/shared/contracts/feature-vector';
import type { LoadedRelease, ScoredVector } from '../sessions/loaded-release.ts';

/** Rows of one run: keeps the event loop for under 5 ms. */
export const MAX_BATCH_ROWS = 1024;

interface Waiting {
  features: Float32Array;
  resolve(result: { scored: ScoredVector; release: LoadedRelease }): void;
  reject(error: unknown): void;
}

/**
 * Scores vectors of different callers in one run: those that arrive in one turn of the event loop go together, so
 * under load the cost of a run is shared and a lone vector does not wait.
 */
export class MicroBatcher {
  readonly #release: () => LoadedRelease;
  readonly #onRun: (seconds: number, rows: number) => void;
  #waiting: Waiting[] = [];
  #isScheduled = false;

  /** `release` gives the serving release or throws why there is none. */
  constructor(release: () => LoadedRelease, onRun: (seconds: number, rows: number) => void) {
    this.#release = release;
    this.#onRun = onRun;
  }

  /** Scores one row of 7 features; says with which release. */
  score(features: Float32Array): Promise<{ scored: ScoredVector; release: LoadedRelease }> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ features, resolve, reject });
      if (this.#isScheduled) return;
      this.#isScheduled = true;
      setImmediate(() => void this.#flush());
    });
  }

  async #flush(): Promise<void> {
    const batch = this.#waiting.splice(0, MAX_BATCH_ROWS);
    this.#isScheduled = this.#waiting.length > 0;
    if (this.#isScheduled) setImmediate(() => void this.#flush());
    try {
      const release = this.#release();
      const features = new Float32Array(batch.length * FEATURE_COUNT);
      for (const [row, waiting] of batch.entries()) features.set(waiting.features, row * FEATURE_COUNT);
      const startedAt = performance.now();
      const scored = await release.score(features, batch.length);
      this.#onRun((performance.now() - startedAt) / 1000, batch.length);
      for (const [row, waiting] of batch.entries()) waiting.resolve({ scored: scored[row]!, release });
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    }
  }
}
