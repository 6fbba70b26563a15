import { Buffer } from 'node:buffer';
import { getIfPresent, type ModelStore } from '@liminal/shared/adapters/model-store';
import {
  type HistoryEntry,
  historyEntrySchema,
  type PointerName,
  type ReleasePointer,
  releaseKeys,
} from '@liminal/shared/contracts/release';
import { canonicalJson } from '@liminal/shared/release/canonical-json';
import { ReleaseRecordError } from '@liminal/shared/release/release-errors';
import { z } from 'zod';

/** The line of the history that belongs to a move of a pointer. */
export function historyEntryOf(pointer: PointerName, { since, ...move }: ReleasePointer): HistoryEntry {
  return { at: since, pointer, ...move };
}

/**
 * Adds the entry unless it is there already. Looks for the line itself and parses nothing, so that a damaged line
 * elsewhere stands in nobody's way. The whole object is written anew: object stores can't append.
 */
export async function appendToHistory(store: ModelStore, entry: HistoryEntry): Promise<void> {
  const text = await historyText(store);
  const line = canonicalJson(entry);
  if (text.split('\n').includes(line)) return;
  const separator = text === '' || text.endsWith('\n') ? '' : '\n';
  const bytes = Buffer.from(`${text}${separator}${line}\n`, 'utf8');
  await store.put(releaseKeys.history, bytes, { contentType: 'application/x-ndjson' });
}

/** Oldest first. Throws `ReleaseRecordError` naming the line that is no entry. */
export async function readHistory(store: ModelStore): Promise<HistoryEntry[]> {
  const lines = (await historyText(store)).split('\n');
  return lines.flatMap((line, index) => (line === '' ? [] : [parseLine(line, index + 1)]));
}

async function historyText(store: ModelStore): Promise<string> {
  const bytes = await getIfPresent(store, releaseKeys.history);
  return bytes === null ? '' : Buffer.from(bytes).toString('utf8');
}

function parseLine(line: string, number: number): HistoryEntry {
  try {
    return historyEntrySchema.parse(JSON.parse(line));
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : 'not JSON';
    throw new ReleaseRecordError(
      `line ${number} of ${releaseKeys.history} is no entry (${reason}): correct or delete the line`,
      { cause },
    );
  }
}
