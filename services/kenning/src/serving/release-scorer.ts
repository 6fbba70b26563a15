import type { ModelStore } from '@liminal/shared/adapters/model-store';
import { FEATURE_COUNT } from '@liminal/shared/contracts/feature-vector';
import type { ModelName } from '@liminal/shared/contracts/prediction';
import type { ModelScore } from '@liminal/shared/contracts/prediction-batch';
import type { ReleaseManifest } from '@liminal/shared/contracts/release';
import { loadRelease } from '@liminal/shared/release/load-release';
import type { TrustedKeys } from '@liminal/shared/release/signing-key';
import { createMatrix } from '../detectors/matrix.ts';
import type { ModelSession } from '../onnx/model-session.ts';
import { Mutex } from '../registry/mutex.ts';

interface OpenRelease {
  manifest: ReleaseManifest;
  sessions: Map<ModelName, ModelSession>;
}

export interface ScoredRow {
  scores: Partial<Record<ModelName, ModelScore>>;
  pValue: number;
}

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

  /** `features`: row-major [rows, 7], NaN = not observed. Throws a `ReleaseError` for a release that can't be verified. */
  score(release: string, features: Float32Array): Promise<{ manifest: ReleaseManifest; rows: ScoredRow[] }> {
    return this.#mutex.run(async () => {
      const { manifest, sessions } = await this.#opened(release);
      const matrix = createMatrix(features, FEATURE_COUNT);
      const rows: ScoredRow[] = Array.from({ length: matrix.rows }, () => ({ scores: {}, pValue: 1 }));
      for (const [name, session] of sessions) {
        const { scores, pValues } = await session.run(matrix);
        for (const [index, row] of rows.entries()) {
          row.scores[name] = { score: scores[index]!, pValue: pValues[index]! };
          if (name === manifest.combination.model) row.pValue = pValues[index]!;
        }
      }
      return { manifest, rows };
    });
  }

  close(): Promise<void> {
    return this.#mutex.run(() => this.#close());
  }

  async #opened(release: string): Promise<OpenRelease> {
    if (this.#open?.manifest.id === release) return this.#open;
    const { manifest, files } = await loadRelease(this.#store, this.#trustedKeys, release);
    // Only now: ONNX Runtime takes memory that most kennings never need.
    const { ModelSession } = await import('../onnx/model-session.ts');
    const sessions = new Map<ModelName, ModelSession>();
    for (const [name, file] of files) sessions.set(name, await ModelSession.open(file));
    await this.#close();
    this.#open = { manifest, sessions };
    return this.#open;
  }

  async #close(): Promise<void> {
    for (const session of this.#open?.sessions.values() ?? []) await session.release();
    this.#open = undefined;
  }
}
