/**
 * 32-bit hash of a text (FNV-1a over its UTF-16 units, finished by MurmurHash3's mixer).
 * Stands for IPs, tokens and user agents in a user's state: 4 bytes instead of a text, and no personal data at rest.
 */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const CACHED_TEXTS = 20_000;
const cache = new Map<string, number>();

/** `hash32` of a text that comes again and again, as IPs, tokens and user agents do: remembers the last 20,000 or so. */
export function cachedHash32(text: string): number {
  let hash = cache.get(text);
  if (hash === undefined) {
    hash = hash32(text);
    if (cache.size >= CACHED_TEXTS) cache.clear();
    cache.set(text, hash);
  }
  return hash;
}

/** One hash of two, in which their order counts. */
export function combineHashes(left: number, right: number): number {
  const hash = Math.imul(left ^ ((right << 15) | (right >>> 17)), 0x85ebca6b);
  return Math.imul(hash ^ (hash >>> 13) ^ right, 0xc2b2ae35) >>> 0;
}
