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

/** Most UTF-16 units of each text of an event. */
export const MAX_LENGTH = {
  user: 256,
  id: 128,
  ip: 64,
  method: 32,
  route: 1024,
  userAgent: 1024,
  tokenId: 256,
  channel: 256,
} as const;
export const TOKEN_ACTIONS = ['issue', 'refresh', 'use', 'revoke'] as const;
export const CHANNEL_ACTIONS = ['join', 'leave', 'message'] as const;

const ip = text(MAX_LENGTH.ip);
const userAgent = text(MAX_LENGTH.userAgent).optional();
const tokenId = text(MAX_LENGTH.tokenId);

/** Event time: whole milliseconds since the epoch, or ISO 8601 with a time zone. */
const timestamp = z.union([z.int().min(0), z.iso.datetime({ offset: true })], {
  error: 'must be milliseconds since the epoch or an ISO 8601 time with a zone, as in 2026-11-23T10:00:00Z',
});

const shared = { ts: timestamp, user: text(MAX_LENGTH.user), id: text(MAX_LENGTH.id).optional() };

export const requestEventSchema = z.strictObject({
  kind: z.literal('request'),
  ...shared,
  ip,
  method: text(MAX_LENGTH.method),
  route: text(MAX_LENGTH.route),
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
  action: z.enum(TOKEN_ACTIONS),
  ip,
  userAgent,
});

export const channelEventSchema = z.strictObject({
  kind: z.literal('channel'),
  ...shared,
  channel: text(MAX_LENGTH.channel),
  action: z.enum(CHANNEL_ACTIONS),
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
