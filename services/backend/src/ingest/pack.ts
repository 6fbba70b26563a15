import { encodeEventBatch } from '@liminal/shared/contracts/event-batch';
import { Packr } from 'msgpackr';
import { type PartitionRows, scopedId } from './call-events.ts';
import type { PackedBatch } from './ingest.ts';

const packr = new Packr({ useRecords: false });
const NO_IDS = Buffer.alloc(0);

/** A reader decodes an entry in one go, and it is packed in one go here (about 2 ms); the script relies on it too. */
export const MAX_EVENTS_PER_ENTRY = 2_000;

/** Packs what a call has for each partition, entry by entry, so that other work can have its turn in between. */
export function* packBatches(partitions: readonly PartitionRows[]): Generator<PackedBatch> {
  for (const { partition, rows } of partitions) {
    for (let from = 0; from < rows.length; from += MAX_EVENTS_PER_ENTRY) {
      const entry = rows.length <= MAX_EVENTS_PER_ENTRY ? rows : rows.slice(from, from + MAX_EVENTS_PER_ENTRY);
      yield { partition, bytes: encodeEventBatch(entry), events: entry.length, ids: packIds(entry) };
    }
  }
}

function packIds(rows: PartitionRows['rows']): Buffer {
  const positions: number[] = [];
  const ids: string[] = [];
  for (const [position, row] of rows.entries()) {
    const id = row[7];
    if (id === null) continue;
    positions.push(position);
    ids.push(scopedId(row[2], id));
  }
  return ids.length === 0 ? NO_IDS : packr.pack([positions, ids]);
}
