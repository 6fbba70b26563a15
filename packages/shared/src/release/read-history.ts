import { Buffer } from 'node:buffer';
import { z } from 'zod';
import { getIfPresent, type ModelStore } from '../adapters/model-store.ts';
import { type HistoryEntry, historyEntrySchema, releaseKeys } from '../contracts/release.ts';
import { ReleaseRecordError } from './release-errors.ts';

/** Every move of a pointer, oldest first. Throws `ReleaseRecordError` naming the line that is no entry. */
export async function readHistory(store: ModelStore): Promise<HistoryEntry[]> {
  const lines = (await readHistoryText(store)).split('\n');
  return lines.flatMap((line, index) => (line === '' ? [] : [parseLine(line, index + 1)]));
}

/** As it lies in the store; empty while there is none. */
export async function readHistoryText(store: ModelStore): Promise<string> {
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
