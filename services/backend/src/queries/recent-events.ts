import { setImmediate as nextTurn } from 'node:timers/promises';
import { toEntry } from '@liminal/shared/adapters/stream-worker';
import { type Event, eventTimeMs } from '@liminal/shared/contracts/event';
import { decodeEvents } from '@liminal/shared/contracts/event-batch-reader';
import { streamKey, userHistoryKey } from '@liminal/shared/contracts/keys';
import { partitionOf } from '@liminal/shared/contracts/partition';
import { UndecodableError } from '@liminal/shared/contracts/undecodable-error';
import { WINDOW_MS } from '@liminal/shared/features/user-state';
import type { Redis } from 'ioredis';

/** Entries of a reply; each may hold 2,000 events. */
const PAGE = 20;
/** Bytes of the stream that are looked through for one user. */
const MOST_BYTES = 16 * 1024 * 1024;
const MOST_EVENTS = 64;
const FEATURE_BYTES = 7 * Float32Array.BYTES_PER_ELEMENT;

export type TimedEvent = Event & { ts: number };

/**
 * Events of a user in the window before `untilTs` as far as the pipe still holds them, oldest first: the stream keeps
 * what the extractor may have to fold again, a quarter of a minute and more.
 */
export async function readRecentEvents(
  redis: Redis,
  user: string,
  untilTs: number,
  partitions: number,
): Promise<TimedEvent[]> {
  const key = streamKey('events', partitionOf(user, partitions));
  const name = Buffer.from(user);
  const found: TimedEvent[] = [];
  let looked = 0;
  for (let end = '+'; looked < MOST_BYTES && found.length < MOST_EVENTS; ) {
    const entries = await redis.xrevrangeBuffer(key, end, '-', 'COUNT', PAGE);
    for (const raw of entries) {
      const { id, fields } = toEntry(raw);
      end = `(${id}`;
      const batch = fields.get('b') ?? Buffer.alloc(0);
      looked += batch.length;
      // Most calls hold nothing of the user: looking for the name is far quicker than decoding.
      if (!batch.includes(name)) continue;
      found.push(...eventsOf(batch, fields.get('s'), user, untilTs));
      await nextTurn();
    }
    if (entries.length < PAGE) break;
  }
  return found.sort((left, right) => left.ts - right.ts).slice(-MOST_EVENTS);
}

/** What can not be read has been put aside by the extractor. */
function eventsOf(batch: Buffer, skip: Buffer | undefined, user: string, untilTs: number): TimedEvent[] {
  try {
    return decodeEvents(batch, skip)
      .filter((event) => event.user === user)
      .map((event) => ({ ...event, ts: eventTimeMs(event) }))
      .filter(({ ts }) => ts <= untilTs && ts > untilTs - WINDOW_MS);
  } catch (error) {
    if (error instanceof UndecodableError) return [];
    throw error;
  }
}

/** Features of earlier vectors of a user that raised no alarm, newest first. */
export async function readHistory(redis: Redis, user: string, partitions: number): Promise<Float32Array[]> {
  const entries = await redis.lrangeBuffer(userHistoryKey(partitionOf(user, partitions), user), 0, -1);
  return entries
    .filter(({ byteLength }) => byteLength === FEATURE_BYTES)
    .map((bytes) => new Float32Array(Uint8Array.from(bytes).buffer));
}
