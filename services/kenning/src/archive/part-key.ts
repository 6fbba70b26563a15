import { trainingKeys } from '@liminal/shared/contracts/training-rows';

/** Where a part of the archive comes from: `fromId` of a partition's stream. */
export interface PartOrigin {
  partition: number;
  /** Milliseconds of the stream id. */
  ms: number;
  /** Sequence number of the stream id. */
  sequence: number;
}

export interface StoredPart extends PartOrigin {
  key: string;
}

const STREAM_ID = /^(\d{1,15})-(\d{1,15})$/;
const KEY = /^training\/rows\/p(\d{4})\/(\d{15})-(\d{15})\.parquet$/;

/**
 * Key of the part that begins at stream id `fromId` of a partition. The same beginning gives the same key: a part that is
 * written again after a crash takes the place of the first.
 */
export function partKey(partition: number, fromId: string): StoredPart {
  const [, ms, sequence] = STREAM_ID.exec(fromId) ?? [];
  if (ms === undefined || sequence === undefined)
    throw new RangeError(`${fromId} is no stream id, as in 1763900000000-0`);
  if (!Number.isInteger(partition) || partition < 0 || partition > 9_999) {
    throw new RangeError(`${partition} is no partition`);
  }
  const folder = `p${String(partition).padStart(4, '0')}`;
  const key = `${trainingKeys.rowsPrefix}${folder}/${ms.padStart(15, '0')}-${sequence.padStart(15, '0')}.parquet`;
  return { key, partition, ms: Number(ms), sequence: Number(sequence) };
}

/** `null` for a key that is no part of the archive. */
export function parsePartKey(key: string): StoredPart | null {
  const [, partition, ms, sequence] = KEY.exec(key) ?? [];
  if (partition === undefined) return null;
  return { key, partition: Number(partition), ms: Number(ms), sequence: Number(sequence) };
}

/** By time of writing, oldest first; never 0 for different parts. */
export function byAge(left: PartOrigin, right: PartOrigin): number {
  return left.ms - right.ms || left.sequence - right.sequence || left.partition - right.partition;
}
