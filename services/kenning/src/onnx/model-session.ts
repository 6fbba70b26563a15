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
    const names = [SCORE_OUTPUT, P_VALUE_OUTPUT, TAIL_P_VALUE_OUTPUT];
    const [scores, pValues, tailPValues] = await this.outputs(
      rows,
      names.filter((name) => this.#session.outputNames.includes(name)),
      signal,
    );
    return {
      scores: scores!,
      pValues: pValues ?? new Float32Array(0),
      tailPValues: tailPValues ?? new Float32Array(0),
    };
  }

  /** The outputs of the given names, each row-major [rows, …]. */
  async outputs(rows: Matrix, names: readonly string[], signal?: AbortSignal): Promise<Float32Array<ArrayBuffer>[]> {
    const whole = names.map(() => new Float32Array(0));
    for (let start = 0; start < rows.rows; start += BATCH_ROWS) {
      signal?.throwIfAborted();
      const batch = rowRange(rows, start, Math.min(start + BATCH_ROWS, rows.rows));
      const features = new Tensor('float32', batch.values, [batch.rows, batch.columns]);
      const outputs = await this.#session.run({ [FEATURES_INPUT]: features }, names);
      for (const [index, name] of names.entries()) {
        const part = outputs[name]!.data as Float32Array;
        const width = part.length / batch.rows;
        if (start === 0) whole[index] = new Float32Array(rows.rows * width);
        whole[index]!.set(part, start * width);
      }
    }
    return whole;
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}
