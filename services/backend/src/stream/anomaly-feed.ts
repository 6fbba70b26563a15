import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { compareStreamIds } from '@liminal/shared/adapters/stream-trim';
import { type StreamEntry, toEntry } from '@liminal/shared/adapters/stream-worker';
import { anomaliesKey } from '@liminal/shared/contracts/keys';
import { httpErrors } from '@liminal/shared/runtime/errors';
import type { EventLoopShare } from '@liminal/shared/runtime/event-loop-share';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { errors } from '../errors.ts';
import type { Metrics } from '../metrics.ts';
import { decode } from '../queries/anomalies.ts';
import { BatchEncoder, type StreamedAnomaly, type Subscription } from './batch-encoder.ts';
import { type EndReason, StreamClient } from './stream-client.ts';
import { gapAfter, type StreamGap } from './stream-gap.ts';

const ENTRIES_PER_READ = 100;
const READ_BLOCKS_MS = 1_000;
/** Writing to a thousand clients costs the same for one anomaly as for some: this long they are collected. */
const ROUND_MS = 50;
const RETRY_AFTER_ERROR_MS = 500;
/** After a pause as long as this the stream may have been trimmed past the reader. */
const STANDSTILL_MS = 10_000;
const COME_BACK_AFTER_S = 10;

export interface AnomalyFeedOptions {
  /** Connection for blocking reads, used for nothing else. */
  reader: Redis;
  /** For what came before a client did. */
  redis: Redis;
  maxClients: number;
  bufferBytes: number;
  heartbeatMs: number;
  share: EventLoopShare;
  metrics: Metrics;
  logger: Logger;
}

export interface NewSubscriber {
  response: ServerResponse;
  subscription: Subscription;
  /** Stream id of the last anomaly that it has; without one it gets what comes from now on. */
  lastEventId: string | undefined;
}

/**
 * Anomalies as they are written, for any number of clients: one reader follows the stream and hands each batch to all that
 * have what was before it. A client that comes with an id first gets what it missed from Redis, and joins the others in
 * the turn of the event loop in which nothing lies between.
 */
export class AnomalyFeed {
  readonly #options: AnomalyFeedOptions;
  readonly #clients = new Set<StreamClient>();
  /** Those that have everything up to `#position`. */
  readonly #live = new Set<StreamClient>();
  /** Stream id of the last entry read; undefined before the first look. */
  #position: string | undefined;
  #readAt = performance.now();
  #isStopping = false;
  #loop: Promise<void> | undefined;
  #heart: NodeJS.Timeout | undefined;

  constructor(options: AnomalyFeedOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop = this.#run();
    this.#heart = setInterval(() => this.#beat(), this.#options.heartbeatMs);
  }

  /** Ends every stream with word of where to resume. No new ones are taken. */
  close(): void {
    this.#isStopping = true;
    clearInterval(this.#heart);
    for (const client of this.#clients) client.end('stopping');
  }

  async stop(): Promise<void> {
    this.close();
    // It may be waiting for entries.
    this.#options.reader.disconnect();
    await this.#loop;
  }

  /** Throws the error to answer with while there is no room for another client. */
  requireRoom(): void {
    const { maxClients: limit, metrics } = this.#options;
    if (this.#position === undefined || this.#isStopping) {
      throw httpErrors('LIMINAL_ERR_REDIS_AWAY', { retryAfterSeconds: 1 });
    }
    if (this.#clients.size < limit) return;
    metrics.streamRefused.inc();
    throw errors('LIMINAL_ERR_STREAM_FULL', { limit, retryAfterSeconds: COME_BACK_AFTER_S });
  }

  /** Takes the response over: it stays open for as long as the client stays and keeps up. */
  subscribe({ response, subscription, lastEventId }: NewSubscriber): void {
    const { bufferBytes, metrics } = this.#options;
    const client = new StreamClient({
      response,
      subscription,
      cursor: lastEventId ?? this.#position!,
      bufferBytes,
      onEnd: (ended, reason) => this.#forget(ended, reason),
    });
    this.#clients.add(client);
    metrics.streamClients.set(this.#clients.size);
    if (lastEventId === undefined) this.#live.add(client);
    else void this.#resume(client);
  }

  #forget(client: StreamClient, reason: EndReason): void {
    const { metrics } = this.#options;
    this.#clients.delete(client);
    this.#live.delete(client);
    metrics.streamClients.set(this.#clients.size);
    metrics.streamEnded.labels(reason).inc();
  }

  async #resume(client: StreamClient): Promise<void> {
    try {
      const gap = await gapAfter(this.#options.redis, client.cursor);
      if (gap !== undefined) this.#tellGap(client, gap);
      await this.#catchUp(client);
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'a stream of anomalies could not be resumed');
      client.end('failed');
    }
  }

  async #catchUp(client: StreamClient): Promise<void> {
    const { redis, share } = this.#options;
    while (!client.isEnded) {
      if (compareStreamIds(client.cursor, this.#position!) >= 0) {
        this.#live.add(client);
        return;
      }
      const raw = await redis.xrangeBuffer(anomaliesKey, `(${client.cursor}`, '+', 'COUNT', ENTRIES_PER_READ);
      const last = raw.at(-1)?.[0].toString();
      while (share.isUsedUp) await share.nextTurn();
      if (client.isEnded) return;
      // What is not there any more was read by the others.
      if (last === undefined) client.cursor = this.#position!;
      else this.#give(client, new BatchEncoder(this.#decoded(raw.map(toEntry))), last);
      if (!(await client.drained())) client.end('slow');
    }
  }

  async #run(): Promise<void> {
    const { logger } = this.#options;
    while (!this.#isStopping) {
      try {
        this.#position ??= await this.#newestId();
        const entries = await this.#read(this.#position);
        if (entries.length === 0) continue;
        await this.#dispatch(entries);
        await sleep(ROUND_MS);
      } catch (error) {
        if (this.#isStopping) return;
        logger.error({ err: error }, 'the stream of anomalies could not be read; retrying');
        await sleep(RETRY_AFTER_ERROR_MS);
      }
    }
  }

  async #newestId(): Promise<string> {
    const [newest] = await this.#options.reader.xrevrange(anomaliesKey, '+', '-', 'COUNT', 1);
    return newest?.[0] ?? '0-0';
  }

  async #read(position: string): Promise<StreamEntry[]> {
    const { reader } = this.#options;
    const command = ['COUNT', ENTRIES_PER_READ, 'BLOCK', READ_BLOCKS_MS, 'STREAMS', anomaliesKey, position] as const;
    const reply = (await reader.xreadBuffer(...command)) as [Buffer, [Buffer, Buffer[]][]][] | null;
    const stoodStill = performance.now() - this.#readAt > STANDSTILL_MS;
    this.#readAt = performance.now();
    const gap = stoodStill ? await gapAfter(reader, position) : undefined;
    if (gap !== undefined) for (const client of this.#live) this.#tellGap(client, gap);
    return (reply?.[0]?.[1] ?? []).map(toEntry);
  }

  async #dispatch(entries: readonly StreamEntry[]): Promise<void> {
    const { share } = this.#options;
    const first = entries[0]!.id;
    const last = entries.at(-1)!.id;
    // Who joins from now on has these already.
    this.#position = last;
    if (this.#live.size === 0) return;
    const encoder = new BatchEncoder(this.#decoded(entries));
    for (const client of [...this.#live]) {
      while (share.isUsedUp) await share.nextTurn();
      if (client.isEnded || compareStreamIds(client.cursor, last) >= 0) continue;
      if (client.isFull) client.end('slow');
      else this.#give(client, encoder, last, compareStreamIds(client.cursor, first) >= 0 ? client.cursor : undefined);
    }
  }

  #give(client: StreamClient, encoder: BatchEncoder, last: string, after?: string): void {
    const encoded = encoder.eventsFor(client.subscription, after);
    client.send(encoded, last);
    this.#options.metrics.streamEvents.inc(encoded.events);
  }

  #decoded(entries: readonly StreamEntry[]): StreamedAnomaly[] {
    return entries.flatMap(({ id, fields }) => {
      const anomaly = decode(id, fields, this.#options.logger);
      return anomaly === undefined ? [] : [{ id, anomaly }];
    });
  }

  #tellGap(client: StreamClient, { after, oldestKept, isForeign }: StreamGap): void {
    if (isForeign) client.cursor = '0-0';
    client.sendGap({ after, oldestKept });
    this.#options.metrics.streamGaps.inc();
  }

  #beat(): void {
    for (const client of this.#live) {
      if (client.isFull) client.end('slow');
      else client.beat();
    }
  }
}
