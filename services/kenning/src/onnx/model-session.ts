import { InferenceSession, Tensor } from 'onnxruntime-node';
import { type Matrix, rowRange } from '../detectors/matrix.ts';
import { FEATURES_INPUT, P_VALUE_OUTPUT, SCORE_OUTPUT, TAIL_P_VALUE_OUTPUT } from './detector-model.ts';

export interface ModelOutputs {
  /** One a row. */
  scores: Float32Array<ArrayBuffer>;
  /** One a row; empty where the file was made without calibration. */
  pValues: Float32Array<ArrayBuffer>;
  /** As `pValues`. */
  tailPValues: Float32Array<ArrayBuffer>;
}

/** Rows a run: `run` blocks its thread, and this many take a few milliseconds. */
const BATCH_ROWS = 1024;

/** A model file in ONNX Runtime. Call `release` when done: sessions are not garbage-collected in time. */
export class ModelSession {
  readonly #session: InferenceSession;

  private constructor(session: InferenceSession) {
    this.#session = session;
  }

  /** One thread: the models are too small for more to pay. */
  static async open(file: Uint8Array): Promise<ModelSession> {
    return new ModelSession(await InferenceSession.create(file, { intraOpNumThreads: 1, interOpNumThreads: 1 }));
  }

  /** `rows`: raw features, NaN = not observed. */
  async run(rows: Matrix, signal?: AbortSignal): Promise<ModelOutputs> {
    const hasPValues = this.#session.outputNames.includes(P_VALUE_OUTPUT);
    const scores = new Float32Array(rows.rows);
    const pValues = new Float32Array(hasPValues ? rows.rows : 0);
    const tailPValues = new Float32Array(pValues.length);
    for (let start = 0; start < rows.rows; start += BATCH_ROWS) {
      signal?.throwIfAborted();
      const batch = rowRange(rows, start, Math.min(start + BATCH_ROWS, rows.rows));
      const features = new Tensor('float32', batch.values, [batch.rows, batch.columns]);
      const outputs = await this.#session.run({ [FEATURES_INPUT]: features });
      scores.set(outputs[SCORE_OUTPUT]!.data as Float32Array, start);
      if (!hasPValues) continue;
      pValues.set(outputs[P_VALUE_OUTPUT]!.data as Float32Array, start);
      tailPValues.set(outputs[TAIL_P_VALUE_OUTPUT]!.data as Float32Array, start);
    }
    return { scores, pValues, tailPValues };
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}
