import type { Redis } from 'ioredis';
import { neededFromKey, type PartitionedStream, streamKey } from '../contracts/keys.ts';

/** Orders stream ids as Redis does. */
export function compareStreamIds(left: string, right: string): number {
  const [leftMs, leftSequence] = left.split('-').map(Number);
  const [rightMs, rightSequence] = right.split('-').map(Number);
  return leftMs! - rightMs! || (leftSequence ?? 0) - (rightSequence ?? 0);
}

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
  if (keepEntries > 0) {
    const kept = await redis.xrevrange(key, '+', '-', 'COUNT', keepEntries);
    if (kept.length < keepEntries) return;
    neededFrom.push(kept.at(-1)![0]);
  }
  const floor = neededFrom.sort(compareStreamIds)[0];
  if (floor !== undefined) await redis.xtrim(key, 'MINID', floor);
}
