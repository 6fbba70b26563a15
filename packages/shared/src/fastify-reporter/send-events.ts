import { z } from 'zod';
import type { Event } from '../contracts/event.ts';

/** What the receiver made of a call. */
export type Answer =
  | { kind: 'taken' }
  /** Come again with the same events, not before `retryAfterMs` where it is told. */
  | { kind: 'later'; retryAfterMs: number }
  /** One event is to blame, nothing was stored. */
  | { kind: 'bad-event'; index: number; reason: string }
  | { kind: 'too-large' }
  /** It will not take this call, however often it comes. */
  | { kind: 'refused'; reason: string };

const badEventSchema = z.object({
  error: z.object({ message: z.string(), details: z.object({ index: z.int().min(0) }) }),
});

/** Sends events to `POST /events`. Never throws: a receiver that can't be reached is an answer too. */
export async function sendEvents(url: URL, events: readonly Event[], signal: AbortSignal): Promise<Answer> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(events),
      signal,
    });
    // Read in every case: an unread body keeps its connection.
    const text = await response.text();
    return toAnswer(response.status, response.headers, text, events.length);
  } catch {
    // Whatever went wrong on the way, what to do is the same: the events have ids, so they may come twice.
    return { kind: 'later', retryAfterMs: 0 };
  }
}

function toAnswer(status: number, headers: Headers, text: string, events: number): Answer {
  if (status >= 200 && status < 300) return { kind: 'taken' };
  if (status >= 500 || status === 429 || status === 408) {
    return { kind: 'later', retryAfterMs: (Number(headers.get('retry-after')) || 0) * 1000 };
  }
  if (status === 413) return { kind: 'too-large' };
  if (status === 400) {
    const { success, data } = badEventSchema.safeParse(parseJson(text));
    if (success && data.error.details.index < events) {
      return { kind: 'bad-event', index: data.error.details.index, reason: data.error.message };
    }
  }
  return { kind: 'refused', reason: `HTTP ${status} ${text.slice(0, 200)}` };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
