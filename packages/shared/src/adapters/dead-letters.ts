import { UndecodableError } from '../contracts/undecodable-error.ts';
import type { StreamEntry } from './stream-worker.ts';

/** What could not be decoded, on its way to `dead:<stream>`. */
export interface DeadLetter {
  id: string;
  reason: string;
  payload: Buffer;
}

/** Decodes field `b` of each entry, and sets apart what is not decodable. Other errors go through. */
export function decodeEntries<T>(
  entries: readonly StreamEntry[],
  decode: (bytes: Buffer, entry: StreamEntry) => T,
): { decoded: { id: string; value: T }[]; deadLetters: DeadLetter[] } {
  const decoded: { id: string; value: T }[] = [];
  const deadLetters: DeadLetter[] = [];
  for (const entry of entries) {
    const bytes = entry.fields.get('b');
    try {
      if (bytes === undefined) throw new UndecodableError('stream entry has no field b');
      decoded.push({ id: entry.id, value: decode(bytes, entry) });
    } catch (error) {
      if (!(error instanceof UndecodableError)) throw error;
      deadLetters.push({ id: entry.id, reason: error.message, payload: bytes ?? Buffer.alloc(0) });
    }
  }
  return { decoded, deadLetters };
}

/** Arguments of the commit scripts: how many dead letters, then (entry id, reason, payload) of each. */
export function deadLetterArguments(deadLetters: readonly DeadLetter[]): (string | number | Buffer)[] {
  return [deadLetters.length, ...deadLetters.flatMap(({ id, reason, payload }) => [id, reason, payload])];
}
