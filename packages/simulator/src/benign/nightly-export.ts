import type { Event } from '@liminal/shared/contracts/event';
import { hash32 } from '@liminal/shared/contracts/hash32';
import { Random } from '@liminal/shared/runtime/random';
import { lognormal } from '../people/lognormal.ts';
import type { TimedEvent } from '../timed-event.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const START_HOUR = 2;
/** The job waits for a free slot at most so long. */
const LATEST_START_MS = 15 * MINUTE_MS;
/** Jobs of this long, in pages of what they fetch. */
const MINUTES = [20, 35] as const;
/** Requests a minute: as fast as the slower scrapers. */
const RATE = [50, 90] as const;
const USER_AGENT = 'nightly-export/2.1';

export interface ExportJob {
  /** Whose account the job runs with. */
  readonly user: string;
  /** RFC 5737, 192.0.2.0/24: the host that it runs on. */
  readonly host: number;
}

/**
 * The same traffic with jobs that fetch everything once a night: strange to anybody who looks at it, night after night alike, and
 * known to those who have set it up. From 02:00 UTC on, at a rate of its own that varies by a tenth. In time order; a
 * function of events, jobs and span alone.
 */
export function* withNightlyExports(
  events: Iterable<Event>,
  jobs: readonly ExportJob[],
  { startMs, endMs }: { startMs: number; endMs: number },
): Generator<Event> {
  const exports = jobs
    .flatMap((job) => [...nights(startMs, endMs)].flatMap((night) => [...oneNight(job, night)]))
    .sort((left, right) => left.ts - right.ts);
  let next = 0;
  for (const event of events) {
    const ts = typeof event.ts === 'number' ? event.ts : Date.parse(event.ts);
    while (next < exports.length && exports[next]!.ts <= ts) yield exports[next++]!;
    yield event;
  }
  yield* exports.slice(next);
}

function* nights(startMs: number, endMs: number): Generator<number> {
  for (let midnight = startMs - (startMs % DAY_MS); midnight < endMs; midnight += DAY_MS) {
    const from = midnight + START_HOUR * HOUR_MS;
    if (from >= startMs && from + 2 * HOUR_MS <= endMs) yield from;
  }
}

function* oneNight({ user, host }: ExportJob, from: number): Generator<TimedEvent> {
  const usual = RATE[0] + (hash32(`export ${user}`) % (RATE[1] - RATE[0]));
  const random = new Random(hash32(`export ${user} ${from}`));
  const perMinute = usual * random.uniform(0.9, 1.1);
  const ip = `192.0.2.${host}`;
  const tokenId = `jwt-export-${host}-${from.toString(36)}`;
  let ts = from + random.uniform(0, LATEST_START_MS);
  const end = ts + random.uniform(...MINUTES) * MINUTE_MS;
  const id = (): string => `export-${host}-${Math.floor(ts).toString(36)}-${random.uint32().toString(36)}`;
  yield { kind: 'token', ts: Math.floor(ts), user, id: id(), tokenId, action: 'issue', ip, userAgent: USER_AGENT };
  for (;;) {
    ts += lognormal(random, MINUTE_MS / perMinute, 0.4);
    if (ts >= end) return;
    yield {
      kind: 'request',
      ts: Math.floor(ts),
      user,
      id: id(),
      ip,
      method: 'GET',
      route: '/api/items',
      status: 200,
      durationMs: Math.round(lognormal(random, 60, 0.3) * 10) / 10,
      bytes: Math.round(lognormal(random, 40_000, 0.3)),
      userAgent: USER_AGENT,
      tokenId,
    };
  }
}
