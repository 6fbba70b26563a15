import { FEATURE_COUNT } from '@liminal/shared/contracts/feature-vector';
import { InferenceSession, Tensor } from 'onnxruntime-node';

export const INPUT_NAME = 'features';

/** One model file in ONNX Runtime. */
export class ModelSession {
  readonly #session: InferenceSession;

  private constructor(session: InferenceSession) {
    this.#session = session;
  }

  static async create(file: Uint8Array): Promise<ModelSession> {
    // More threads than one cost more than they bring on models of this size.
    const options = { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential' } as const;
    return new ModelSession(await InferenceSession.create(file, options));
  }

  /**
   * `features`: row-major float32 [rows, 7], NaN = not observed. Returns score and p-value of each row.
   * Keeps the event loop for the length of the run: callers keep the batches small.
   */
  async run(features: Float32Array, rows: number): Promise<{ scores: Float32Array; pValues: Float32Array }> {
    const input = new Tensor('float32', features, [rows, FEATURE_COUNT]);
    const output = await this.#session.run({ [INPUT_NAME]: input });
    return { scores: output.score!.data as Float32Array, pValues: output.p_value!.data as Float32Array };
  }

  /** Gives the memory back, which the garbage collector does not see. */
  async release(): Promise<void> {
    await this.#session.release();
  }
}
