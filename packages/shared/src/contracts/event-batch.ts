import { type Event, eventTimeMs } from './event.ts';
import { hash32 } from './hash32.ts';

export const EVENT_KINDS = ['request', 'login', 'token', 'channel'] as const;
export const REQUEST = 0;
export const LOGIN = 1;
export const TOKEN = 2;
export const CHANNEL = 3;

/**
 * What the fold needs of one event. IPs, tokens and user agents are told apart, never read: a `hash32` stands for each.
 * An IP or user agent that the event does not have is the hash of the empty text.
 */
export interface EventRow {
  kind: number;
  /** Event time in ms. */
  ts: number;
  user: string;
  ip: number;
  hasToken: boolean;
  /** 0 without a token. */
  token: number;
  userAgent: number;
}

const NOTHING = hash32('');

export function toEventRow(event: Event): EventRow {
  const { kind, user } = event;
  const tokenId = kind === 'request' || kind === 'token' ? event.tokenId : undefined;
  return {
    kind: EVENT_KINDS.indexOf(kind),
    ts: eventTimeMs(event),
    user,
    ip: kind === 'channel' ? NOTHING : hash32(event.ip),
    hasToken: tokenId !== undefined,
    token: tokenId === undefined ? 0 : hash32(tokenId),
    userAgent: kind === 'channel' ? NOTHING : hash32(event.userAgent ?? ''),
  };
}
