import { LuaScript } from '@liminal/shared/adapters/lua-script';
import type { Lease } from '@liminal/shared/adapters/partition-group';
import { acceptedKey, cursorKey, fenceKey, streamKey } from '@liminal/shared/contracts/keys';
import type { Redis } from 'ioredis';

const tickScript = new LuaScript(new URL('./tick.lua', import.meta.url));

export interface Tick {
  /** Event time in ms up to which nothing is under way to an idle partition. */
  ts: number;
  /** Whether it goes with the wall clock; else it goes as far as the events of other partitions do. */
  isLive: boolean;
}

/**
 * Adds a tick to a partition, unless events wait there: what was accepted before the time was read is
 * then folded before the tick. Whether it was added.
 */
export async function writeTick(redis: Redis, { partition, fence }: Lease, { ts, isLive }: Tick): Promise<boolean> {
  const keys = [
    fenceKey('feature-extractor', partition),
    streamKey('events', partition),
    acceptedKey(partition),
    cursorKey('feature-extractor', partition),
  ];
  return (await tickScript.run(redis, keys, [fence, ts, isLive ? 1 : 0])) === 1;
}
