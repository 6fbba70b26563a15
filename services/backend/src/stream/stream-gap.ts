import { compareStreamIds } from '@liminal/shared/adapters/stream-trim';
import { anomaliesKey } from '@liminal/shared/contracts/keys';
import type { Redis } from 'ioredis';

export interface StreamGap {
  /** The id after which anomalies may be missing. */
  after: string;
  /** The oldest one that is still there; null = there is none. */
  oldestKept: string | null;
  /** The stream never gave this id, so it is another stream: nothing of it is known to the client. */
  isForeign: boolean;
}

/**
 * Whether anomalies that came after `id` may be gone from the stream; undefined where they are all there. Of an id older
 * than all that are kept it can't be told whether it was the last one before them: that counts as a gap.
 */
export async function gapAfter(redis: Redis, id: string): Promise<StreamGap | undefined> {
  if ((await redis.exists(anomaliesKey)) === 0) {
    return id === '0-0' ? undefined : { after: id, oldestKept: null, isForeign: true };
  }
  const flat = (await redis.xinfo('STREAM', anomaliesKey)) as unknown[];
  const info = new Map(flat.flatMap((value, index) => (index % 2 === 0 ? [[String(value), flat[index + 1]]] : [])));
  const oldestKept = (info.get('first-entry') as [string, unknown] | null)?.[0] ?? null;
  if (compareStreamIds(id, String(info.get('last-generated-id'))) > 0)
    return { after: id, oldestKept, isForeign: true };
  if (oldestKept !== null && compareStreamIds(id, oldestKept) >= 0) return undefined;
  // Redis before 7 does not count what was ever added: then nobody knows.
  const isWhole = info.get('entries-added') === info.get('length');
  return isWhole ? undefined : { after: id, oldestKept, isForeign: false };
}
