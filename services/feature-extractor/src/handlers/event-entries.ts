import { type DeadLetter, decodeEntries } from '@liminal/shared/adapters/dead-letters';
import type { StreamEntry } from '@liminal/shared/adapters/stream-worker';
import type { EventRow } from '@liminal/shared/contracts/event-batch';
import { decodeEventRows, readIps } from '@liminal/shared/contracts/event-batch-reader';
import type { FeatureVector } from '@liminal/shared/contracts/feature-vector';

export type DecodedEntry = { id: string; value: EventRow[] };

/** A vector, and where the event stands at which it was taken: its entry, and its row in it. */
export type EmittedAt = { vector: FeatureVector; entry: string; row: number };

/** Vectors with the IP of the event they were taken at: one event in many, so that it is read only now. */
export function withIps(emitted: readonly EmittedAt[], entries: readonly StreamEntry[]): FeatureVector[] {
  const byEntry = Map.groupBy(emitted, ({ entry }) => entry);
  for (const { id, fields } of entries) {
    const here = byEntry.get(id) ?? [];
    if (here.length === 0) continue;
    const ips = readIps(
      fields.get('b')!,
      fields.get('s'),
      here.map(({ row }) => row),
    );
    for (const [index, { vector }] of here.entries()) if (ips[index] !== undefined) vector.ip = ips[index];
  }
  return emitted.map(({ vector }) => vector);
}

/** A tick of the clock has no events. */
export const decodeRows = (entries: readonly StreamEntry[]) =>
  decodeEntries(
    entries.filter(({ fields }) => !fields.has('t')),
    (bytes, { fields }) => decodeEventRows(bytes, fields.get('s')),
  );

export function withoutDead(
  entries: readonly StreamEntry[],
  deadLetters: readonly DeadLetter[],
): readonly StreamEntry[] {
  if (deadLetters.length === 0) return entries;
  const dead = new Set(deadLetters.map(({ id }) => id));
  return entries.filter(({ id }) => !dead.has(id));
}

export function* usersOf(decoded: readonly DecodedEntry[]): Generator<string> {
  for (const { value: rows } of decoded) for (const { user } of rows) yield user;
}

/** Events of entries that could not be decoded, as ingest counted them: they are not waiting any more either. */
export function lostEvents(entries: readonly StreamEntry[], deadLetters: readonly DeadLetter[]): number {
  if (deadLetters.length === 0) return 0;
  const dead = new Set(deadLetters.map(({ id }) => id));
  return entries
    .filter(({ id }) => dead.has(id))
    .reduce((events, { fields }) => events + Number(fields.get('n')?.toString() ?? 0), 0);
}
