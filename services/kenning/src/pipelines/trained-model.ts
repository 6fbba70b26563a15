import type { ModelName } from '@liminal/shared/contracts/prediction';
import type { ReleasedModel } from '@liminal/shared/contracts/release';

export interface TrainingProgress {
  model: ModelName;
  stage: 'fit' | 'calibrate' | 'verify';
  /** Share of the stage that is done, in [0, 1]. */
  share: number;
}

export interface TrainingContext {
  seed: number;
  onProgress?: ((progress: TrainingProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** What a manifest tells of how a model was fitted. */
export type ModelParams = Record<string, number | string | boolean>;

/** A model ready for a release. Crosses threads and, the file and the scores apart, is plain JSON. */
export interface TrainedModel {
  name: ModelName;
  /** The self-contained ONNX file: `features` → `score`, `p_value`, `tail_p_value`. */
  onnx: Uint8Array<ArrayBuffer>;
  /** Options of the fit, and what it chose by itself. */
  params: ModelParams;
  /** What the fit found out about itself, on rows that took no part in it. */
  metrics: Record<string, number>;
  /** Which of the columns it takes, and for which rows. */
  input: { offset: number; length: number; appliesTo: ReleasedModel['appliesTo'] };
  /** Names of the outputs of a model that forecasts the load. */
  forecast?: ReleasedModel['outputs']['forecast'];
  seed: number;
  calibration: {
    /** n: p-values are multiples of 1/(n + 1). Calibration rows to which the model does not apply are none of them. */
    rows: number;
    smallestPValue: number;
    /** From training rows, see `tailScale`. */
    tailScale: number;
    /** ONNX Runtime's scores of the calibration rows, the same rows for every model; NaN where it does not apply. */
    scores: Float32Array<ArrayBuffer>;
  };
}
