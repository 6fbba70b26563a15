import { MINUTE_MS, VECTOR_LENGTH } from './feature-vector.ts';

/** Position of the minute of the day among what models are given: that of the vector's time, UTC, 0 to 1439. */
export const MINUTE_OF_DAY = VECTOR_LENGTH;
/**
 * float32 values that the models of a release are given of one vector: features, load history, minute of the day. Each
 * model takes a stretch of them. Not part of the feature schema: a vector has its time beside its values.
 */
export const MODEL_INPUT_LENGTH = VECTOR_LENGTH + 1;

const MINUTES_PER_DAY = 1_440;

/** NaN where the time is not known. */
export const minuteOfDay = (ts: number | undefined): number =>
  ts === undefined ? Number.NaN : Math.floor(ts / MINUTE_MS) % MINUTES_PER_DAY;

/** One row a vector [vectors, `MODEL_INPUT_LENGTH`]. `values` may be the features alone; what is missing is NaN. */
export function modelInputs(
  vectors: readonly { values: ArrayLike<number>; ts?: number | undefined }[],
): Float32Array<ArrayBuffer> {
  const rows = new Float32Array(vectors.length * MODEL_INPUT_LENGTH).fill(Number.NaN);
  for (const [row, { values, ts }] of vectors.entries()) {
    rows.set(values, row * MODEL_INPUT_LENGTH);
    rows[row * MODEL_INPUT_LENGTH + MINUTE_OF_DAY] = minuteOfDay(ts);
  }
  return rows;
}
