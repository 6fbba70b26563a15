import { getIfPresent, type ModelStore } from '@liminal/shared/adapters/model-store';
import { trainingKeys } from '@liminal/shared/contracts/training-rows';
import { byAge, parsePartKey, type StoredPart } from './part-key.ts';
import { UnreadablePartError } from './unreadable-part-error.ts';

export interface ArchiveLog {
  warn(fields: object, message: string): void;
}

/** Parts under way at once: hides the latency of an object store, and bounds what lies undecoded in memory. */
const READ_AHEAD = 8;

/** Every part of the archive, newest first; what else lies in its folder is logged and left out. */
export async function listParts(store: ModelStore, log: ArchiveLog): Promise<StoredPart[]> {
  const objects = await store.list(trainingKeys.rowsPrefix);
  const parts = objects.flatMap(({ key }) => {
    const part = parsePartKey(key);
    if (part === null) log.warn({ key }, 'object among the training rows is no part of the archive');
    return part ?? [];
  });
  return parts.sort((left, right) => byAge(right, left));
}

/**
 * Fetches and decodes parts in the given order. `null` stands for a part that was deleted meanwhile or can't be read;
 * the latter is logged. Throws while the store is away.
 */
export async function* readParts<T>(
  store: ModelStore,
  parts: readonly StoredPart[],
  decode: (bytes: Uint8Array) => Promise<T>,
  log: ArchiveLog,
): AsyncGenerator<{ part: StoredPart; content: T | null }> {
  const ahead: Promise<PromiseSettledResult<Uint8Array | null>[]>[] = [];
  const fetchNext = (index: number): void => {
    const part = parts[index];
    // allSettled, so that a failure is thrown in its turn and not as an unhandled rejection before
    if (part !== undefined) ahead.push(Promise.allSettled([getIfPresent(store, part.key)]));
  };
  for (let index = 0; index < READ_AHEAD; index++) fetchNext(index);
  for (const [index, part] of parts.entries()) {
    const [result] = await ahead.shift()!;
    fetchNext(index + READ_AHEAD);
    if (result!.status === 'rejected') throw result!.reason;
    yield { part, content: await decodeOrLog(part, result!.value, decode, log) };
  }
}

async function decodeOrLog<T>(
  { key }: StoredPart,
  bytes: Uint8Array | null,
  decode: (bytes: Uint8Array) => Promise<T>,
  log: ArchiveLog,
): Promise<T | null> {
  if (bytes === null) return null;
  try {
    return await decode(bytes);
  } catch (error) {
    if (!(error instanceof UnreadablePartError)) throw error;
    log.warn({ err: error, key }, 'part of the training archive can not be read and is left out');
    return null;
  }
}
