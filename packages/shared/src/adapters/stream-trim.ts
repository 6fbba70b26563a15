import type { Redis } from 'ioredis';
import { neededFromKey, type PartitionedStream, streamKey } from '../contracts/keys.ts';

/** Orders stream ids as Redis does. */
export function compareStreamIds(left: string, right: string): number {
  const [leftMs, leftSequence] = left.split('-').map(Number);
  const [rightMs, rightSequence] = right.split('-').map(Number);
  return leftMs! - rightMs! || (leftSequence ?? 0) - (rightSequence ?? 0);
}

/** Entries that one call looks at, where some are to be kept: calls are a second apart. */
const MOST_LOOKED_AT = 1_000;

/**
 * Removes the entries of a partition that no reader needs any more, but keeps the newest `keepEntries`.
 * Never passes the slowest of the registered readers; removes nothing while none is registered.
 */
export async function trimStream(
  redis: Redis,
  stream: PartitionedStream,
  partition: number,
  keepEntries = 0,
): Promise<void> {
  const key = streamKey(stream, partition);
  const neededFrom = Object.values(await redis.hgetall(neededFromKey(stream, partition)));
  const floor = neededFrom.sort(compareStreamIds)[0];
  if (floor === undefined) return;
  const threshold = keepEntries === 0 ? floor : await firstToKeep(redis, key, floor, keepEntries);
  if (threshold !== undefined) await redis.xtrim(key, 'MINID', threshold);
}

/** Found from the old end, where a call meets only what came since the last one: Redis gives ids with their contents only. */
async function firstToKeep(redis: Redis, key: string, floor: string, keepEntries: number): Promise<string | undefined> {
  const excess = (await redis.xlen(key)) - keepEntries;
  if (excess <= 0) return undefined;
  const count = Math.min(excess, MOST_LOOKED_AT) + 1;
  const oldest = await redis.xrangeBuffer(key, '-', `(${floor}`, 'COUNT', count);
  return oldest.length < count ? floor : oldest.at(-1)![0].toString();
}
