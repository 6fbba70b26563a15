import { packedMinuteSchema, packMinute, unpackMinute } from '@liminal/shared/contracts/platform-minutes';
import { unpackMsgpackAs } from '@liminal/shared/contracts/unpack-msgpack';
import { Packr } from 'msgpackr';
import { z } from 'zod';
import type { MinutesState } from './partition-minutes.ts';

const FORMAT_VERSION = 1;
const packr = new Packr({ useRecords: false });

/** The open minutes of a partition, and the id of the last stream entry that they contain. */
export interface MinutesSnapshot {
  appliedId: string;
  state: MinutesState;
}

// Some are −Infinity before the first event.
const number = z.union([z.number(), z.literal(Number.NEGATIVE_INFINITY)]);
const snapshotSchema = z.tuple([
  z.literal(FORMAT_VERSION),
  z.string(),
  z.tuple([number, number, z.number(), number, number]),
  z.array(z.int()),
  z.array(z.tuple([packedMinuteSchema, z.instanceof(Uint8Array)])),
]);

export function encodeMinutes({ appliedId, state: { clock, ticks, minutes } }: MinutesSnapshot): Buffer {
  const { watermark, eventTime, delayMs, from, closedThrough } = clock;
  return packr.pack([
    FORMAT_VERSION,
    appliedId,
    [watermark, eventTime, delayMs, from, closedThrough],
    ticks,
    minutes.map(({ counts, users }) => [packMinute(counts), users]),
  ]);
}

/** Throws `UndecodableError` on bytes that this version did not write. */
export function decodeMinutes(bytes: Buffer): MinutesSnapshot {
  const [, appliedId, times, ticks, minutes] = unpackMsgpackAs(bytes, 'open minutes are', {
    schema: snapshotSchema,
    version: FORMAT_VERSION,
  });
  const [watermark, eventTime, delayMs, from, closedThrough] = times;
  return {
    appliedId,
    state: {
      clock: { watermark, eventTime, delayMs, from, closedThrough },
      ticks,
      // Copies: views would keep the whole message alive.
      minutes: minutes.map(([counts, users]) => ({ counts: unpackMinute(counts), users: Buffer.from(users) })),
    },
  };
}
