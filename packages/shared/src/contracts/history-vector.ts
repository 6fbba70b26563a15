import { FEATURE_COUNT } from './feature-vector.ts';

/** An element of the list `history:{p}:<user>`: the features alone, float32. */
export function encodeHistoryVector(values: Float32Array): Buffer {
  return Buffer.from(Float32Array.from(values.subarray(0, FEATURE_COUNT)).buffer);
}

/** None of what another version wrote: it is trimmed away in time. */
export function decodeHistoryVector(bytes: Buffer): Float32Array[] {
  if (bytes.byteLength !== FEATURE_COUNT * Float32Array.BYTES_PER_ELEMENT) return [];
  // A copy, since the bytes may lie unaligned.
  return [new Float32Array(Uint8Array.from(bytes).buffer)];
}
