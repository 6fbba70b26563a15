import { modelInputs } from '@liminal/shared/contracts/model-input';
import type { OpenRelease, ScoredVector } from '@liminal/shared/release/open-release';

/** Rows of one run: each model keeps the event loop for a few milliseconds. */
export const MAX_BATCH_ROWS = 512;

/** Turns of the event loop that a batch waits at most while each brings more vectors: some tenths of a millisecond. */
const MOST_TURNS = 8;

/** The seven features, with or without the load history behind them, and their time where it is known. */
export interface UnscoredVector {
  values: Float32Array;
  ts?: number | undefined;
}

interface Waiting {
  vector: UnscoredVector;
  resolve(result: { scored: ScoredVector; release: OpenRelease }): void;
  reject(error: unknown): void;
}

/**
 * Scores vectors of different callers in one run. A batch waits as long as each turn of the event loop brings more, so under
 * load the cost of a run, which is that of ten rows, is shared, and a lone vector waits one empty turn.
 */
export class MicroBatcher {
  readonly #release: () => OpenRelease;
  readonly #onRun: (seconds: number, rows: number) => void;
  #waiting: Waiting[] = [];
  #isScheduled = false;

  /** `release` gives the serving release or throws why there is none. */
  constructor(release: () => OpenRelease, onRun: (seconds: number, rows: number) => void) {
    this.#release = release;
    this.#onRun = onRun;
  }

  /** Scores one vector; says with which release. */
  score(vector: UnscoredVector): Promise<{ scored: ScoredVector; release: OpenRelease }> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ vector, resolve, reject });
      if (this.#isScheduled) return;
      this.#isScheduled = true;
      setImmediate(() => this.#flushWhenCalm(1, 0));
    });
  }

  #flushWhenCalm(turn: number, waitingBefore: number): void {
    const waiting = this.#waiting.length;
    if (waiting === waitingBefore || waiting >= MAX_BATCH_ROWS || turn === MOST_TURNS) void this.#flush();
    else setImmediate(() => this.#flushWhenCalm(turn + 1, waiting));
  }

  async #flush(): Promise<void> {
    const batch = this.#waiting.splice(0, MAX_BATCH_ROWS);
    this.#isScheduled = this.#waiting.length > 0;
    if (this.#isScheduled) setImmediate(() => void this.#flush());
    try {
      const release = this.#release();
      const rows = modelInputs(batch.map(({ vector }) => vector));
      const startedAt = performance.now();
      const scored = await release.score(rows, batch.length);
      this.#onRun((performance.now() - startedAt) / 1000, batch.length);
      for (const [row, waiting] of batch.entries()) waiting.resolve({ scored: scored[row]!, release });
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    }
  }
}
