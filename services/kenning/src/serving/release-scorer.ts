import type { ModelStore } from '@liminal/shared/adapters/model-store';
import { MODEL_INPUT_LENGTH } from '@liminal/shared/contracts/model-input';
import type { ReleaseManifest } from '@liminal/shared/contracts/release';
import { loadRelease } from '@liminal/shared/release/load-release';
import type { OpenRelease, ScoredVector } from '@liminal/shared/release/open-release';
import type { TrustedKeys } from '@liminal/shared/release/signing-key';
import { Mutex } from '@liminal/shared/runtime/mutex';

/** Vectors of one run, as in the predictor. */
const ROWS_PER_RUN = 512;

/** Scores vectors with any release, for `POST /predict`. Keeps the release that was asked for last. */
export class ReleaseScorer {
  readonly #store: ModelStore;
  readonly #trustedKeys: TrustedKeys;
  readonly #mutex = new Mutex();
  #open: OpenRelease | undefined;

  constructor(store: ModelStore, trustedKeys: TrustedKeys) {
    this.#store = store;
    this.#trustedKeys = trustedKeys;
  }

  /**
   * `vectors`: row-major [rows, `MODEL_INPUT_LENGTH`], NaN = not observed. Throws a `ReleaseError` for a release that can't be
   * verified.
   */
  score(id: string, vectors: Float32Array): Promise<{ manifest: ReleaseManifest; rows: ScoredVector[] }> {
    return this.#mutex.run(async () => {
      const release = await this.#opened(id);
      const rows: ScoredVector[] = [];
      for (let start = 0; start < vectors.length; start += ROWS_PER_RUN * MODEL_INPUT_LENGTH) {
        const batch = vectors.subarray(start, start + ROWS_PER_RUN * MODEL_INPUT_LENGTH);
        rows.push(...(await release.score(batch, batch.length / MODEL_INPUT_LENGTH)));
      }
      return { manifest: release.manifest, rows };
    });
  }

  close(): Promise<void> {
    return this.#mutex.run(() => this.#close());
  }

  async #opened(id: string): Promise<OpenRelease> {
    if (this.#open?.id === id) return this.#open;
    const loaded = await loadRelease(this.#store, this.#trustedKeys, id);
    // Only now: ONNX Runtime takes memory that most kennings never need.
    const { OpenRelease } = await import('@liminal/shared/release/open-release');
    const release = await OpenRelease.open(loaded);
    await this.#close();
    this.#open = release;
    return release;
  }

  async #close(): Promise<void> {
    await this.#open?.close();
    this.#open = undefined;
  }
}
