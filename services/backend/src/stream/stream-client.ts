import type { ServerResponse } from 'node:http';
import type { EncodedEvents, Subscription } from './batch-encoder.ts';
import { sseEvent, sseGreeting, sseMark } from './sse.ts';

/** When a client comes back by itself, ms. */
const RETRY_MS = 3_000;
/** For its last bytes a client gets this long; less where the whole service waits for it. */
const LAST_BYTES_MS = 60_000;
const LAST_BYTES_OF_ALL_MS = 2_000;
const DRAIN_WITHIN_MS = 30_000;

/** Why a stream ends: the client went, it did not keep up, the service stops, or Redis could not be read. */
export const END_REASONS = ['left', 'slow', 'stopping', 'failed'] as const;
export type EndReason = (typeof END_REASONS)[number];

export interface StreamClientOptions {
  response: ServerResponse;
  subscription: Subscription;
  /** Stream id: it gets what comes after. */
  cursor: string;
  /** What may wait for the client in this process. */
  bufferBytes: number;
  onEnd(client: StreamClient, reason: EndReason): void;
}

/** One open stream of events. */
export class StreamClient {
  readonly subscription: Subscription;
  /** Stream id up to which everything was given to it that passes its filter. */
  cursor: string;
  readonly #response: ServerResponse;
  readonly #bufferBytes: number;
  readonly #onEnd: StreamClientOptions['onEnd'];
  #isEnded = false;

  constructor({ response, subscription, cursor, bufferBytes, onEnd }: StreamClientOptions) {
    this.subscription = subscription;
    this.cursor = cursor;
    this.#response = response;
    this.#bufferBytes = bufferBytes;
    this.#onEnd = onEnd;
    // After the stream nothing else comes over this connection: a service that stops need not wait for it.
    response.shouldKeepAlive = false;
    response.on('close', () => this.#ended('left'));
    // A connection that breaks closes as well.
    response.on('error', () => {});
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // Proxies such as nginx would hold events back until they have a page of them.
      'x-accel-buffering': 'no',
    });
    response.write(sseGreeting(cursor, RETRY_MS));
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Whether more waits for the client than may: it does not keep up. */
  get isFull(): boolean {
    return this.#response.writableLength > this.#bufferBytes;
  }

  /** Gives it events, and moves its cursor to where they reach. */
  send({ bytes, events }: EncodedEvents, cursor: string): void {
    this.cursor = cursor;
    if (events > 0) this.#response.write(bytes);
  }

  /** Says that anomalies may be missing between what the client had and what comes now. */
  sendGap(gap: { after: string; oldestKept: string | null }): void {
    this.#response.write(sseEvent('gap', this.cursor, gap));
  }

  beat(): void {
    this.#response.write(sseMark(this.cursor));
  }

  /** Waits until the client has taken what it was given. Whether it did in time. */
  async drained(): Promise<boolean> {
    if (!this.#response.writableNeedDrain) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), DRAIN_WITHIN_MS);
    this.#response.once('drain', () => resolve(true));
    this.#response.once('close', () => resolve(true));
    const isDrained = await promise;
    clearTimeout(timer);
    return isDrained;
  }

  /** Ends the stream with an event that says why, and from where to resume. */
  end(reason: Exclude<EndReason, 'left'>): void {
    if (this.#isEnded) return;
    this.#ended(reason);
    this.#response.end(sseEvent('end', this.cursor, { reason, lastEventId: this.cursor }));
    setTimeout(() => this.#response.destroy(), reason === 'stopping' ? LAST_BYTES_OF_ALL_MS : LAST_BYTES_MS).unref();
  }

  #ended(reason: EndReason): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onEnd(this, reason);
  }
}
