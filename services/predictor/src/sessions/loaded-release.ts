import { FEATURE_COUNT, PREDICTED_USER_LOAD } from '@liminal/shared/contracts/feature-vector';
import type { ModelName } from '@liminal/shared/contracts/prediction';
import type { ModelScore } from '@liminal/shared/contracts/prediction-batch';
import type { ReleaseManifest } from '@liminal/shared/contracts/release';
import { ewmaForecast } from '@liminal/shared/features/load-forecast';
import { ModelSession } from './model-session.ts';

export interface ScoredVector {
  /** The seven features as scored. */
  scores: Partial<Record<ModelName, ModelScore>>;
  pValue: number;
}

/** A verified release, ready to score. */
export class LoadedRelease {
  readonly manifest: ReleaseManifest;
  readonly #models: ReadonlyMap<ModelName, ModelSession>;

  private constructor(manifest: ReleaseManifest, models: ReadonlyMap<ModelName, ModelSession>) {
    this.manifest = manifest;
    this.#models = models;
  }

  static async create(manifest: ReleaseManifest, files: ReadonlyMap<ModelName, Uint8Array>): Promise<LoadedRelease> {
    const models = new Map<ModelName, ModelSession>();
    for (const [name, file] of files) models.set(name, await ModelSession.create(file));
    const release = new LoadedRelease(manifest, models);
    // The first run allocates; better now than while somebody waits. It also proves inputs and outputs.
    await release.score(new Float32Array(FEATURE_COUNT), 1);
    return release;
  }

  get id(): string {
    return this.manifest.id;
  }

  get isProvisional(): boolean {
    return this.manifest.provisional;
  }

  /** `features`: row-major [rows, 7]. */
  async score(features: Float32Array, rows: number): Promise<ScoredVector[]> {
    const scored: ScoredVector[] = Array.from({ length: rows }, () => ({ scores: {}, pValue: 1 }));
    for (const [name, model] of this.#models) {
      const { scores, pValues } = await model.run(features, rows);
      for (let row = 0; row < rows; row++) {
        const result = scored[row]!;
        result.scores[name] = { score: scores[row]!, pValue: pValues[row]! };
        // A release of one model is combined by that model's own p-value.
        result.pValue = pValues[row]!;
      }
    }
    return scored;
  }

  async release(): Promise<void> {
    for (const model of this.#models.values()) await model.release();
  }
}

/** Fills `predicted_user_load` of a vector of features and load history, unless it is there already. */
export function fillPredictedLoad(values: Float32Array): void {
  if (Number.isNaN(values[PREDICTED_USER_LOAD])) {
    values[PREDICTED_USER_LOAD] = ewmaForecast(values.subarray(FEATURE_COUNT));
  }
}
