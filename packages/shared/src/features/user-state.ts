import { LOAD_HISTORY_MINUTES, MINUTE_MS } from '../contracts/feature-vector.ts';

export { MINUTE_MS };

/** Length of the sliding window W in ms of event time. */
export const WINDOW_MS = 5 * 60_000;
/** Events of a kind whose details are kept. */
export const RING_SIZE = 128;
/** Login attempts whose times are kept, whatever their age. */
export const LOGIN_RING_SIZE = 16;
/** Minutes counted: those of the load history and the running one. */
export const MINUTES_KEPT = LOAD_HISTORY_MINUTES + 1;
/** Width of the buckets that count the events which a full ring had to forget. */
export const OVERFLOW_BUCKET_MS = 10_000;
export const OVERFLOW_BUCKETS = WINDOW_MS / OVERFLOW_BUCKET_MS + 1;

/**
 * Counts per fixed span of time, newest last, for the last `length` spans: `counts[length - 1]` belongs to the span
 * number `newest`. Advancing drops what falls out on the left.
 */
export class SpanCounts {
  readonly counts: Uint32Array;
  readonly spanMs: number;
  newest = 0;

  constructor(length: number, spanMs: number) {
    this.counts = new Uint32Array(length);
    this.spanMs = spanMs;
  }

  advanceTo(ts: number): void {
    const span = Math.floor(ts / this.spanMs);
    const steps = span - this.newest;
    if (steps <= 0) return;
    if (steps >= this.counts.length) this.counts.fill(0);
    else {
      this.counts.copyWithin(0, steps);
      this.counts.fill(0, this.counts.length - steps);
    }
    this.newest = span;
  }

  /** Counts an event; one older than every span is ignored. */
  add(ts: number): void {
    this.advanceTo(ts);
    const index = this.counts.length - 1 - (this.newest - Math.floor(ts / this.spanMs));
    if (index >= 0) this.counts[index]! += 1;
  }
}

/** What the features of one user need, at most 4 KB when packed. Times are ms of event time, sorted. */
export class UserState {
  /** Time of the earliest event counted. */
  firstTs = 0;
  /** Newest event time seen: the user's clock. */
  lastTs = 0;
  /** Event time of the last vector emitted; 0 = none yet. */
  emittedTs = 0;
  /** Vectors emitted. */
  seq = 0;
  /** Events folded, the late ones included. */
  events = 0;
  /** Events that came after their window had passed, and changed nothing. */
  late = 0;

  requestTimes: number[] = [];
  requestIps: number[] = [];
  channelTimes: number[] = [];
  loginTimes: number[] = [];
  tokenTimes: number[] = [];
  tokenIds: number[] = [];
  tokenClients: number[] = [];

  requestOverflow = new SpanCounts(OVERFLOW_BUCKETS, OVERFLOW_BUCKET_MS);
  channelOverflow = new SpanCounts(OVERFLOW_BUCKETS, OVERFLOW_BUCKET_MS);
  minutes = new SpanCounts(MINUTES_KEPT, MINUTE_MS);

  /** Forgets what has left the window. */
  prune(): void {
    const start = this.lastTs - WINDOW_MS;
    pruneUntil(start, this.requestTimes, this.requestIps);
    pruneUntil(start, this.channelTimes);
    pruneUntil(start, this.tokenTimes, this.tokenIds, this.tokenClients);
  }
}

function pruneUntil(start: number, times: number[], ...columns: number[][]): void {
  let gone = 0;
  while (gone < times.length && times[gone]! <= start) gone++;
  if (gone === 0) return;
  times.splice(0, gone);
  for (const column of columns) column.splice(0, gone);
}
