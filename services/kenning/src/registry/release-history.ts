import { Buffer } from 'node:buffer';
import type { ModelStore } from '@liminal/shared/adapters/model-store';
import {
  type HistoryEntry,
  type PointerName,
  type ReleasePointer,
  releaseKeys,
} from '@liminal/shared/contracts/release';
import { canonicalJson } from '@liminal/shared/release/canonical-json';
import { readHistoryText } from '@liminal/shared/release/read-history';

/** The line of the history that belongs to a move of a pointer. */
export function historyEntryOf(pointer: PointerName, { since, ...move }: ReleasePointer): HistoryEntry {
  return { at: since, pointer, ...move };
}

/**
 * Adds the entry unless it is there already. Looks for the line itself and parses nothing, so that a damaged line
 * elsewhere stands in nobody's way. The whole object is written anew: object stores can't append.
 */
export async function appendToHistory(store: ModelStore, entry: HistoryEntry): Promise<void> {
  const text = await readHistoryText(store);
  const line = canonicalJson(entry);
  if (text.split('\n').includes(line)) return;
  const separator = text === '' || text.endsWith('\n') ? '' : '\n';
  const bytes = Buffer.from(`${text}${separator}${line}\n`, 'utf8');
  await store.put(releaseKeys.history, bytes, { contentType: 'application/x-ndjson' });
}
