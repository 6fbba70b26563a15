import type { Event } from '@liminal/shared/contracts/event';
import { decodeEvents } from '@liminal/shared/contracts/event-batch-reader';
import { streamKey } from '@liminal/shared/contracts/keys';
import type { Redis } from 'ioredis';

/** Every event that a reader of the streams would fold. */
export async function storedEvents(redis: Redis, partitions = 8): Promise<Event[]> {
  const events: Event[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    for (const [, fields] of await redis.xrangeBuffer(streamKey('events', partition), '-', '+')) {
      const byName = new Map<string, Buffer>();
      for (let index = 0; index < fields.length; index += 2) byName.set(fields[index]!.toString(), fields[index + 1]!);
      events.push(...decodeEvents(byName.get('b')!, byName.get('s')));
    }
  }
  return events;
}
