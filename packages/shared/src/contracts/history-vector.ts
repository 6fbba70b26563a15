import { FEATURE_COUNT } from './feature-vector.ts';

/** An element of the list `history:{p}:<user>`: the features alone, float32. */
export function encodeHistoryVector(values: Float32Array): Buffer {
  return Buffer.from(Float32Array.from(values.subarray(0, FEATURE_COUNT)).buffer);
}

const VECTOR_BYTES = FEATURE_COUNT * Float32Array.BYTES_PER_ELEMENT;

/** The list, row-major [vectors, 7]. Nothing of what another version wrote: it is trimmed away in time. */
export function decodeHistory(entries: readonly Buffer[]): Float32Array<ArrayBuffer> {
  const own = entries.filter(({ byteLength }) => byteLength === VECTOR_BYTES);
  const bytes = new Uint8Array(own.length * VECTOR_BYTES);
  for (const [index, entry] of own.entries()) bytes.set(entry, index * VECTOR_BYTES);
  return new Float32Array(bytes.buffer);
}
