import type { Event } from '@liminal/shared/contracts/event';
import { hash32 } from '@liminal/shared/contracts/hash32';

/** The second request of a pair follows after at most this time. */
const LATEST_MS = 2_000;

/**
 * The same traffic with a new client from `fromMs` on: it sends each request a second time, up to 2 s later, so that
 * the request rate of everybody doubles and nothing else changes. In time order; a function of the events alone.
 */
export function* withNewClient(events: Iterable<Event>, fromMs: number): Generator<Event> {
  let waiting: (Event & { ts: number })[] = [];
  for (const event of events) {
    const ts = timeOf(event);
    waiting.sort((left, right) => left.ts - right.ts);
    const due = waiting.findIndex((repeated) => repeated.ts > ts);
    yield* waiting.splice(0, due === -1 ? waiting.length : due);
    yield event;
    if (event.kind !== 'request' || ts < fromMs) continue;
    const id = `${event.id ?? `${event.user}-${ts}`}-again`;
    waiting.push({ ...event, id, ts: ts + 1 + (hash32(id) % LATEST_MS) });
  }
  waiting = waiting.sort((left, right) => left.ts - right.ts);
  yield* waiting;
}

const timeOf = ({ ts }: Event): number => (typeof ts === 'number' ? ts : Date.parse(ts));
