/** Parts of `hash32`, for who hashes a text while doing something else with its UTF-16 units. */
export const HASH32_START = 0x811c9dc5;
export const HASH32_STEP = 0x01000193;
export function finishHash32(state: number): number {
  let hash = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * 32-bit hash of a text (FNV-1a over its UTF-16 units, finished by MurmurHash3's mixer).
 * Stands for IPs, tokens and user agents in a user's state: 4 bytes instead of a text, and no personal data at rest.
 */
export function hash32(text: string): number {
  let hash = HASH32_START;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), HASH32_STEP);
  return finishHash32(hash);
}

/** One hash of two, in which their order counts. */
export function combineHashes(left: number, right: number): number {
  const hash = Math.imul(left ^ ((right << 15) | (right >>> 17)), 0x85ebca6b);
  return Math.imul(hash ^ (hash >>> 13) ^ right, 0xc2b2ae35) >>> 0;
}
