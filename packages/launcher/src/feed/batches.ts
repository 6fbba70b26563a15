import { type Event, eventTimeMs } from '@liminal/shared/contracts/event';
import type { FeedClock } from './clock.ts';

/** Events a call. */
export const BATCH_EVENTS = 500;
/** Half of what the receiver takes, so that batches of the longest events pass too. */
const BATCH_CHARACTERS = 2 * 1024 * 1024;
/** Paced events that are due within this much of each other travel together. */
const LINGER_MS = 100;

/**
 * `max`: as fast as they are taken. A number: so many times faster than the events happened. `live`: each when its time
 * has come, those of the past as fast as they are taken.
 */
export type FeedSpeed = 'max' | 'live' | number;

export interface BatchOptions {
  speed: FeedSpeed;
  clock: FeedClock;
  signal: AbortSignal | undefined;
}

/** Cuts events into batches of JSON texts, each batch when its events are due. */
export class Batches {
  readonly #events: AsyncIterator<Event> | Iterator<Event>;
  readonly #options: BatchOptions;
  #next: Event | undefined;
  #isAtEnd = false;
  #start: { eventMs: number; clockMs: number } | undefined;

  constructor(events: AsyncIterable<Event> | Iterable<Event>, options: BatchOptions) {
    this.#events = Symbol.asyncIterator in events ? events[Symbol.asyncIterator]() : events[Symbol.iterator]();
    this.#options = options;
  }

  /** Empty at the end of the events and after an abort. */
  async take(): Promise<string[]> {
    const batch: string[] = [];
    let characters = 0;
    while (batch.length < BATCH_EVENTS && characters < BATCH_CHARACTERS) {
      const event = await this.#peek();
      if (event === undefined) break;
      if (batch.length === 0) await this.#waitFor(event);
      else if (this.#dueInMs(event) > LINGER_MS) break;
      if (this.#options.signal?.aborted) return [];
      this.#next = undefined;
      const text = JSON.stringify(event);
      characters += text.length;
      batch.push(text);
    }
    return batch;
  }

  /** Lets go of the source. */
  async close(): Promise<void> {
    await this.#events.return?.();
  }

  async #peek(): Promise<Event | undefined> {
    if (this.#next === undefined && !this.#isAtEnd && !this.#options.signal?.aborted) {
      const result = await this.#events.next();
      if (result.done) this.#isAtEnd = true;
      else this.#next = result.value;
    }
    return this.#next;
  }

  async #waitFor(event: Event): Promise<void> {
    const { clock, signal } = this.#options;
    const dueInMs = this.#dueInMs(event);
    if (dueInMs > 0) await clock.wait(dueInMs, signal);
  }

  #dueInMs(event: Event): number {
    const { speed, clock } = this.#options;
    if (speed === 'max') return 0;
    if (speed === 'live') return eventTimeMs(event) - clock.wallMs();
    this.#start ??= { eventMs: eventTimeMs(event), clockMs: clock.now() };
    const sinceStartMs = (eventTimeMs(event) - this.#start.eventMs) / speed;
    return this.#start.clockMs + sinceStartMs - clock.now();
  }
}
