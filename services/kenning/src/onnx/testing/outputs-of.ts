import type { Matrix } from '../../detectors/matrix.ts';
import { type ModelOutputs, ModelSession } from '../model-session.ts';

/** What the model in an ONNX file says of the rows, by a session of its own. */
export async function outputsOf(file: Uint8Array, rows: Matrix): Promise<ModelOutputs> {
  const session = await ModelSession.open(file);
  try {
    return await session.run(rows);
  } finally {
    await session.release();
  }
}
