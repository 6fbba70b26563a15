import type { CombinationData } from '../calibration/combination.ts';
import type { ModelName } from '../contracts/prediction.ts';
import { UndecodableError } from '../contracts/undecodable-error.ts';

/**
 * The calibration of a release's combination as a file, all little-endian:
 * `LCMB`, uint32 version 1, uint32 models, uint32 rows, then float32: a tail scale for each model, then for each model the
 * scores of all calibration rows (NaN = the model does not apply to the row). The manifest names the models, in this order.
 */
const MAGIC = 0x424d434c;
const VERSION = 1;
const HEADER_WORDS = 4;
const WORD_BYTES = 4;

export function encodeCombination({ models, tailScales, scores }: CombinationData): Uint8Array {
  const words = new Uint32Array(HEADER_WORDS + models.length + scores.length);
  words.set([MAGIC, VERSION, models.length, scores.length / models.length]);
  // All machines that Node runs on are little-endian.
  const floats = new Float32Array(words.buffer, HEADER_WORDS * WORD_BYTES);
  floats.set(tailScales);
  floats.set(scores, models.length);
  return new Uint8Array(words.buffer);
}

/** `models`, `rows`: what the manifest says of the file. Throws `UndecodableError` where it says otherwise. */
export function decodeCombination(bytes: Uint8Array, models: readonly ModelName[], rows: number): CombinationData {
  const expectedBytes = (HEADER_WORDS + models.length * (rows + 1)) * WORD_BYTES;
  if (bytes.byteLength !== expectedBytes) {
    throw new UndecodableError(
      `a combination of ${models.length} models and ${rows} rows takes ${expectedBytes} bytes`,
    );
  }
  // A copy, since the bytes may lie unaligned.
  const { buffer } = Uint8Array.from(bytes);
  const header = new Uint32Array(buffer, 0, HEADER_WORDS);
  if (header.join() !== [MAGIC, VERSION, models.length, rows].join()) {
    throw new UndecodableError(`not the calibration of ${models.length} models and ${rows} rows in format ${VERSION}`);
  }
  const floats = new Float32Array(buffer, HEADER_WORDS * WORD_BYTES);
  return { models, tailScales: floats.slice(0, models.length), scores: floats.slice(models.length) };
}
