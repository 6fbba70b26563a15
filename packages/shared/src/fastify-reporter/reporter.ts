import { randomInt, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type Event, eventSchema, MAX_EVENTS_PER_CALL } from '../contracts/event.ts';
import { Random } from '../runtime/random.ts';
import { RingBuffer } from './ring-buffer.ts';
import { type Answer, sendEvents } from './send-events.ts';

/**
 * Why events were given up: `full` = the queue was, `invalid` = this event is none, `refused` = the receiver
 * will never take the call, `expired` = not taken in time, `closed` = the application ended, `failed` = the event could
 * not be built.
 */
export type DropReason = 'full' | 'invalid' | 'refused' | 'expired' | 'closed' | 'failed';

export interface Drop {
  reason: DropReason;
  events: number;
  /** In words, where there is more to say. */
  detail?: string;
}

export interface ReporterOptions {
  /** Of the suite's backend, e.g. `http://127.0.0.1:8000`. */
  url: string;
  /** Events per call. */
  batchSize?: number;
  /** Longest wait of an event for others to go with. */
  flushIntervalMs?: number;
  /** Events that may wait; with the call under way, `maxQueue + batchSize` is all that is ever held. */
  maxQueue?: number;
  /** Which to give up when the queue is full. */
  dropWhenFull?: 'oldest' | 'newest';
  /** Longest wait for an answer. */
  timeoutMs?: number;
  /** Longest wait at the end of the application for what is left. */
  closeTimeoutMs?: number;
  onDrop?(drop: Drop): void;
}

export interface ReporterCounters {
  /** Events that were handed over. */
  reported: number;
  /** Events that the receiver has. */
  delivered: number;
  dropped: Readonly<Record<DropReason, number>>;
  /** Calls made, and those among them that had to be made again. */
  calls: number;
  retries: number;
  /** Events that wait, without those of the call under way. */
  queued: number;
}

/** `ts` is now and `id` a new one unless they are given. */
export type ReportedEvent = Event extends infer Kind
  ? Kind extends Event
    ? Omit<Kind, 'ts' | 'id'> & Partial<Pick<Kind, 'ts' | 'id'>>
    : never
  : never;

const FIRST_BACK_OFF_MS = 250;
const LONGEST_BACK_OFF_MS = 30_000;
/**
 * Then the batch under way is given up, so that one which always fails does not stop all others for ever. Ids are
 * remembered for 15 min: coming again after that, an event could count twice.
 */
const GIVE_UP_AFTER_MS = 10 * 60_000;

const DEFAULTS: Required<Omit<ReporterOptions, 'url' | 'onDrop'>> = {
  batchSize: 500,
  flushIntervalMs: 1_000,
  maxQueue: 10_000,
  dropWhenFull: 'oldest',
  timeoutMs: 5_000,
  closeTimeoutMs: 2_000,
};

/**
 * Sends events to the suite in the background, batched, one call at a time. Whatever the receiver does, `report`
 * returns at once, never throws, and holds a bounded number of events.
 */
export class EventReporter {
  readonly #url: URL;
  readonly #options: typeof DEFAULTS;
  readonly #onDrop: ((drop: Drop) => void) | undefined;
  readonly #now: () => number;
  readonly #queue: RingBuffer<Event>;
  readonly #jitter = new Random(randomInt(2 ** 32));
  readonly #dropped: Record<DropReason, number> = {
    full: 0,
    invalid: 0,
    refused: 0,
    expired: 0,
    closed: 0,
    failed: 0,
  };
  readonly #closing = new AbortController();
  readonly #deadline = new AbortController();
  #reported = 0;
  #delivered = 0;
  #calls = 0;
  #retries = 0;
  #flushTimer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;

  /** Throws `TypeError` or `RangeError` for options that can't be used. */
  constructor({ url, onDrop, ...options }: ReporterOptions, now: () => number = Date.now) {
    this.#options = { ...DEFAULTS, ...options };
    this.#onDrop = onDrop;
    this.#now = now;
    this.#url = new URL(`${url.replace(/\/+$/, '')}/events`);
    assertWithin('batchSize', this.#options.batchSize, 1, MAX_EVENTS_PER_CALL);
    assertWithin('maxQueue', this.#options.maxQueue, 1, 10_000_000);
    for (const name of ['flushIntervalMs', 'timeoutMs', 'closeTimeoutMs'] as const) {
      assertWithin(name, this.#options[name], 1, 3_600_000);
    }
    this.#queue = new RingBuffer(this.#options.maxQueue);
  }

  get counters(): ReporterCounters {
    return {
      reported: this.#reported,
      delivered: this.#delivered,
      dropped: { ...this.#dropped },
      calls: this.#calls,
      retries: this.#retries,
      queued: this.#queue.size,
    };
  }

  report(event: ReportedEvent): void {
    this.#reported++;
    if (this.#closing.signal.aborted) {
      this.#drop('closed', 1);
      return;
    }
    // Checked here, so that one bad event costs no call, and what is queued can surely be written as JSON.
    const { success, data, error } = eventSchema.safeParse({ ts: this.#now(), id: randomUUID(), ...event });
    if (!success) {
      this.#drop('invalid', 1, z.prettifyError(error));
      return;
    }
    if (this.#queue.isFull) {
      this.#drop('full', 1);
      if (this.#options.dropWhenFull === 'newest') return;
      this.#queue.take(1);
    }
    this.#queue.push(data);
    if (this.#sending !== undefined) return;
    if (this.#queue.size >= this.#options.batchSize) this.#start();
    else this.#flushTimer ??= setTimeout(() => this.#start(), this.#options.flushIntervalMs).unref();
  }

  /** Counts an event that its caller could not build. */
  reportFailed(cause: unknown): void {
    this.#reported++;
    this.#drop('failed', 1, String(cause));
  }

  /** Sends what is left for at most `closeTimeoutMs`, and gives up the rest. */
  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#flushTimer);
    const timer = setTimeout(() => this.#deadline.abort(), this.#options.closeTimeoutMs);
    this.#start();
    await this.#sending;
    clearTimeout(timer);
  }

  #start(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
      // An event may have come in after the last look at the queue.
      if (this.#queue.size > 0) this.#start();
    });
  }

  async #sendAll(): Promise<void> {
    // What comes in meanwhile goes along: the calls grow with the time that they take.
    while (this.#queue.size > 0) await this.#deliver(this.#queue.take(this.#options.batchSize));
  }

  /** Ends when every event of the batch is delivered or dropped. */
  async #deliver(batch: Event[]): Promise<void> {
    const giveUpAt = performance.now() + GIVE_UP_AFTER_MS;
    let failures = 0;
    while (batch.length > 0) {
      if (this.#deadline.signal.aborted) return this.#drop('closed', batch.length);
      if (performance.now() > giveUpAt) return this.#drop('expired', batch.length);
      this.#calls++;
      const answer = await sendEvents(this.#url, batch, this.#callSignal());
      switch (answer.kind) {
        case 'taken':
          this.#delivered += batch.length;
          return;
        case 'bad-event':
          this.#drop('invalid', 1, answer.reason);
          batch.splice(answer.index, 1);
          break;
        case 'too-large':
          if (batch.length === 1) return this.#drop('invalid', 1, 'the event is too large');
          await this.#deliver(batch.splice(0, Math.ceil(batch.length / 2)));
          break;
        case 'refused':
          return this.#drop('refused', batch.length, answer.reason);
        case 'later':
          this.#retries++;
          await this.#backOff(failures++, answer);
      }
    }
  }

  #callSignal(): AbortSignal {
    return AbortSignal.any([AbortSignal.timeout(this.#options.timeoutMs), this.#deadline.signal]);
  }

  /** Exponential, with jitter so that the replicas of an application do not come back all at once. */
  #backOff(failures: number, { retryAfterMs }: Extract<Answer, { kind: 'later' }>): Promise<void> {
    const growing = FIRST_BACK_OFF_MS * 2 ** Math.min(failures, 10) * this.#jitter.uniform(0.5, 1.5);
    const delayMs = Math.min(Math.max(growing, retryAfterMs), LONGEST_BACK_OFF_MS);
    // While closing there is no time to be polite, but no reason to spin either.
    if (this.#closing.signal.aborted) return pause(Math.min(delayMs, FIRST_BACK_OFF_MS), this.#deadline.signal);
    return pause(delayMs, this.#closing.signal);
  }

  #drop(reason: DropReason, events: number, detail?: string): void {
    this.#dropped[reason] += events;
    try {
      this.#onDrop?.({ reason, events, ...(detail !== undefined && { detail }) });
    } catch {
      // The drop is counted; a listener that throws must not stop what the application came for.
    }
  }
}

function assertWithin(name: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new RangeError(`${name} must be a whole number from ${low} to ${high}, and is ${value}`);
}

/** Ends early when `signal` is aborted, and never keeps the process alive. */
function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, delayMs).unref();
    signal.addEventListener('abort', end);
  });
}
