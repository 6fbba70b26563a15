import type { Event } from '@liminal/shared/contracts/event';
import { Batches, type FeedSpeed } from './batches.ts';
import { postEvents } from './call.ts';
import { type FeedClock, systemClock } from './clock.ts';
import { FeedError } from './feed-error.ts';
import { ReasonCounts } from './reason-counts.ts';

const FIRST_BACK_OFF_MS = 250;
const LONGEST_BACK_OFF_MS = 5_000;
const DEFAULT_GIVE_UP_AFTER_MS = 60_000;
/** After an abort the call in flight may still end, so that the counts are true. */
const ABORT_GRACE_MS = 2_000;

export interface FeedResult {
  /** Events stored because of this feed. */
  accepted: number;
  /** Events whose id had come in before. */
  duplicates: number;
  /** Events that the receiver refused, by reason. */
  refused: Map<string, number>;
}

export interface FeedProgress extends FeedResult {
  /** Why nothing moves at the moment, as a sentence; undefined while events are taken. */
  waiting: string | undefined;
}

export interface FeedOptions {
  /** Of the backend, such as `http://127.0.0.1:8000`. */
  url: string;
  speed: FeedSpeed;
  /** Ends the feed early, with what was taken so far. */
  signal?: AbortSignal;
  /** Called after each call and before each wait. */
  onProgress?: (progress: FeedProgress) => void;
  /** Without one event taken for so long, it gives up. Default: a minute. */
  giveUpAfterMs?: number;
  clock?: FeedClock;
}

/**
 * Sends events to `POST /events` in calls of up to 500, in their order, one call at a time; the next is prepared
 * meanwhile. A call that isn't answered or is told to come later is sent again: give events an `id`, or those of a call
 * whose answer got lost count twice. Throws FeedError when it gives up, and whatever `events` throws.
 */
export async function feedEvents(
  events: AsyncIterable<Event> | Iterable<Event>,
  options: FeedOptions,
): Promise<FeedResult> {
  const { speed, signal, clock = systemClock } = options;
  const stop = new AbortController();
  const pacing = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const batches = new Batches(events, { speed, clock, signal: pacing });
  const sender = new Sender(options, clock);
  try {
    let batch = await batches.take();
    while (batch.length > 0) {
      const [, next] = await Promise.all([sender.send(batch), batches.take()]);
      batch = next;
    }
  } finally {
    // A batch that waits for its time would keep the process alive.
    stop.abort();
    sender.close();
    await batches.close();
  }
  return sender.result;
}

class Sender {
  readonly #url: string;
  readonly #options: FeedOptions;
  readonly #clock: FeedClock;
  readonly #refused = new ReasonCounts();
  readonly #cancel = new AbortController();
  #graceTimer: NodeJS.Timeout | undefined;
  #accepted = 0;
  #duplicates = 0;

  constructor(options: FeedOptions, clock: FeedClock) {
    this.#url = `${options.url.replace(/\/+$/, '')}/events`;
    this.#options = options;
    this.#clock = clock;
    options.signal?.addEventListener('abort', this.#onAbort);
  }

  get result(): FeedResult {
    return { accepted: this.#accepted, duplicates: this.#duplicates, refused: this.#refused.toMap() };
  }

  close(): void {
    clearTimeout(this.#graceTimer);
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
  }

  /** Returns when every event of the batch is taken or refused, or after an abort. */
  async send(batch: string[]): Promise<void> {
    let left = batch;
    let failingSince: number | undefined;
    let backOffMs = FIRST_BACK_OFF_MS;
    while (left.length > 0 && !this.#options.signal?.aborted) {
      const startedAt = this.#clock.now();
      const call = await postEvents(this.#url, `[${left.join(',')}]`, this.#cancel.signal);
      if (call.outcome === 'failed') throw this.#failed(call.problem);
      if (call.outcome === 'later') {
        failingSince ??= startedAt;
        await this.#wait(call.problem, call.retryAfterMs ?? backOffMs, failingSince);
        backOffMs = Math.min(2 * backOffMs, LONGEST_BACK_OFF_MS);
        continue;
      }
      failingSince = undefined;
      backOffMs = FIRST_BACK_OFF_MS;
      left = this.#settle(left, call);
      this.#report(undefined);
    }
  }

  /** Counts an answer; returns what still has to be sent. */
  #settle(
    batch: string[],
    call:
      | { outcome: 'taken'; accepted: number; duplicates: number }
      | { outcome: 'refused'; index: number; reason: string },
  ): string[] {
    if (call.outcome === 'taken') {
      this.#accepted += call.accepted;
      this.#duplicates += call.duplicates;
      return [];
    }
    if (call.index >= batch.length) {
      throw this.#failed(`${this.#url} refuses event ${call.index} of a call with ${batch.length}`);
    }
    this.#refused.add(call.reason);
    return batch.toSpliced(call.index, 1);
  }

  async #wait(problem: string, waitMs: number, failingSince: number): Promise<void> {
    if (this.#options.signal?.aborted) return;
    const { giveUpAfterMs = DEFAULT_GIVE_UP_AFTER_MS } = this.#options;
    const leftMs = failingSince + giveUpAfterMs - this.#clock.now();
    if (leftMs <= 0) {
      throw new FeedError(
        `Gave up after ${seconds(giveUpAfterMs)} without an event taken, because ${problem}; start the suite or give the right --url, then run the same command again (what is in already counts once)`,
      );
    }
    const boundedMs = Math.min(waitMs, leftMs);
    this.#report(`${problem}; trying again in ${seconds(boundedMs)}`);
    await this.#clock.wait(boundedMs, this.#options.signal);
  }

  #failed(problem: string): FeedError {
    return new FeedError(
      `Events can't be sent, because ${problem}; check that --url is the address of the Liminal backend, without a path`,
    );
  }

  #report(waiting: string | undefined): void {
    this.#options.onProgress?.({ ...this.result, waiting });
  }

  readonly #onAbort = (): void => {
    this.#graceTimer = setTimeout(() => this.#cancel.abort(), ABORT_GRACE_MS);
  };
}

function seconds(ms: number): string {
  return `${Number((ms / 1000).toFixed(ms < 10_000 ? 1 : 0))} s`;
}
