import { Buffer } from 'node:buffer';
import type { ModelStore, PutOptions } from './model-store-contract.ts';
import { FileModelStore } from './model-store-file.ts';
import { S3ModelStore } from './model-store-s3.ts';
import { type ModelStoreCredentials, parseModelStoreUrl } from './model-store-url.ts';
import { ImmutableObjectError, ObjectNotFoundError } from './object-errors.ts';

export type { ModelStore, ObjectStat, PutOptions } from './model-store-contract.ts';

export interface ModelStoreOptions {
  /** A request without any progress for this long counts as unanswered. */
  timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * The store at `url` (see `parseModelStoreUrl` for the forms). Does no I/O: a store that is away now may be there
 * later, and the directory or bucket is created with the first use. Throws `ModelStoreConfigError`.
 */
export function openModelStore(
  url: string,
  credentials?: ModelStoreCredentials,
  { timeoutMs = DEFAULT_TIMEOUT_MS }: ModelStoreOptions = {},
): ModelStore {
  const location = parseModelStoreUrl(url, credentials);
  return location.kind === 'file' ? new FileModelStore(location.directory) : new S3ModelStore(location, timeoutMs);
}

/**
 * Puts an object that never changes. Putting the same content again is fine, so that a publication that was cut short
 * can be repeated; other content is refused with `ImmutableObjectError`.
 */
export async function putImmutable(
  store: ModelStore,
  key: string,
  bytes: Uint8Array,
  options?: PutOptions,
): Promise<void> {
  const existing = await store.stat(key);
  if (existing === null) return store.put(key, bytes, options);
  if (existing.sizeBytes !== bytes.byteLength) throw new ImmutableObjectError(key);
  if (!Buffer.from(await store.get(key)).equals(bytes)) throw new ImmutableObjectError(key);
}

/** The object, or `null` when there is none. */
export async function getIfPresent(store: ModelStore, key: string): Promise<Uint8Array | null> {
  try {
    return await store.get(key);
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return null;
    throw error;
  }
}
