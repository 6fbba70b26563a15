import { LuaScript } from '@liminal/shared/adapters/lua-script';
import { acceptedKey, callKey, cursorKey, seenIdsKey, streamKey } from '@liminal/shared/contracts/keys';
import type { Redis } from 'ioredis';
import { errors } from '../errors.ts';

const ingestScript = new LuaScript(new URL('./ingest.lua', import.meta.url));

/** An id is remembered for at least one span and at most two. */
export const SEEN_IDS_SPAN_SECONDS = 15 * 60;
/** Far longer than a broken connection keeps a command that it may send again. */
const CALL_RESULT_SECONDS = 60;
const BACKPRESSURE_RETRY_SECONDS = 1;

/** One stream entry to be: events of a call for one partition. */
export interface PackedBatch {
  partition: number;
  /** `encodeEventBatch` of the events. */
  bytes: Buffer;
  events: number;
  /** msgpack array of the events' identities, '' for one without, none twice in a call; empty when none has one. */
  ids: Buffer;
  /** Events that have an id. */
  identified: number;
}

export interface IngestResult {
  accepted: number;
  duplicates: number;
}

/**
 * Stores a call whole or not at all. The same `callId` stores once: ioredis sends a command again when its connection
 * broke before the answer, and then nobody knows whether Redis had run it.
 * `traceparent`: of the call, where it is traced; its entries carry it.
 * Throws LIMINAL_ERR_EVENTS_BACKPRESSURE when a partition would have more than `highWater` events waiting.
 */
export async function ingest(
  redis: Redis,
  callId: string,
  batches: readonly PackedBatch[],
  highWater: number,
  traceparent = '',
): Promise<IngestResult> {
  const keys = [callKey(callId)];
  const args: (number | string | Buffer)[] = [highWater, SEEN_IDS_SPAN_SECONDS, CALL_RESULT_SECONDS, traceparent];
  for (const { partition, bytes, events, ids, identified } of batches) {
    keys.push(
      streamKey('events', partition),
      acceptedKey(partition),
      cursorKey('feature-extractor', partition),
      seenIdsKey(partition, 0),
      seenIdsKey(partition, 1),
      seenIdsKey(partition, 2),
    );
    args.push(bytes, events, ids, identified);
  }
  const reply = (await ingestScript.run(redis, keys, args)) as [number, number] | ['FULL', number, number];
  if (reply[0] === 'FULL') {
    throw errors('LIMINAL_ERR_EVENTS_BACKPRESSURE', {
      partition: batches[reply[1]]!.partition,
      waiting: reply[2],
      limit: highWater,
      retryAfterSeconds: BACKPRESSURE_RETRY_SECONDS,
    });
  }
  return { accepted: reply[0], duplicates: reply[1] };
}
