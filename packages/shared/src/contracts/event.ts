import { z } from 'zod';

/** Most events that one `POST /events` call may carry. */
export const MAX_EVENTS_PER_CALL = 10_000;
/** An event may run ahead of the receiver's clock by this much; further ahead it is refused. */
export const MAX_CLOCK_SKEW_MS = 5 * 60_000;

const text = (maxLength: number) =>
  z
    .string()
    .min(1)
    .max(maxLength)
    .refine((value) => value.isWellFormed(), 'must be well-formed Unicode');

const user = text(256);
const ip = text(64);
const userAgent = text(1024).optional();
const tokenId = text(256);

/** Event time: whole milliseconds since the epoch, or ISO 8601 with a time zone. */
const timestamp = z.union([z.int().min(0), z.iso.datetime({ offset: true })], {
  error: 'must be milliseconds since the epoch or an ISO 8601 time with a zone, as in 2026-11-23T10:00:00Z',
});

const shared = { ts: timestamp, user, id: text(128).optional() };

export const requestEventSchema = z.strictObject({
  kind: z.literal('request'),
  ...shared,
  ip,
  method: text(32),
  route: text(1024),
  status: z.int().min(100).max(599),
  durationMs: z.number().min(0),
  bytes: z.int().min(0).optional(),
  userAgent,
  tokenId: tokenId.optional(),
});

export const loginEventSchema = z.strictObject({
  kind: z.literal('login'),
  ...shared,
  ip,
  success: z.boolean(),
  userAgent,
});

export const tokenEventSchema = z.strictObject({
  kind: z.literal('token'),
  ...shared,
  tokenId,
  action: z.enum(['issue', 'refresh', 'use', 'revoke']),
  ip,
  userAgent,
});

export const channelEventSchema = z.strictObject({
  kind: z.literal('channel'),
  ...shared,
  channel: text(256),
  action: z.enum(['join', 'leave', 'message']),
});

export const eventSchema = z.discriminatedUnion('kind', [
  requestEventSchema,
  loginEventSchema,
  tokenEventSchema,
  channelEventSchema,
]);

export type RequestEvent = z.infer<typeof requestEventSchema>;
export type LoginEvent = z.infer<typeof loginEventSchema>;
export type TokenEvent = z.infer<typeof tokenEventSchema>;
export type ChannelEvent = z.infer<typeof channelEventSchema>;
/** What a user of the platform did, as it comes in through `POST /events`. */
export type Event = RequestEvent | LoginEvent | TokenEvent | ChannelEvent;

/** Event time in milliseconds since the epoch. */
export function eventTimeMs(event: Pick<Event, 'ts'>): number {
  return typeof event.ts === 'number' ? event.ts : Date.parse(event.ts);
}
