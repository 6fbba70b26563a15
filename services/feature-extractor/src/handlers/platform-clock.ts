import { cursorKey } from '@liminal/shared/contracts/keys';
import type { Redis } from 'ioredis';
import type { Tick } from '../commit/tick.ts';

/** Events that arrive so long after they happened are still of the present. */
const LIVE_WITHIN_MS = 60_000;
const READ_EVERY_MS = 1_000;

export interface PlatformClockOptions {
  redis: Redis;
  partitions: number;
  now(): number;
}

/**
 * How far event time has come on the whole platform, by the clocks that all partitions commit. While events of the present
 * come in, or were the last to come in, time goes on without them, `LIVE_WITHIN_MS` behind the wall clock; in a replay of the
 * past it goes as far as the events do.
 */
export class PlatformClock {
  readonly #options: PlatformClockOptions;
  #watermark = Number.NEGATIVE_INFINITY;
  #isLive = false;
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> = Promise.resolve();

  constructor(options: PlatformClockOptions) {
    this.#options = options;
  }

  /** What an idle partition is to hear now; undefined before the first event. */
  async tick(): Promise<Tick | undefined> {
    const now = this.#options.now();
    if (Math.abs(now - this.#readAt) >= READ_EVERY_MS) {
      this.#readAt = now;
      this.#reading = this.#read();
    }
    await this.#reading;
    if (!Number.isFinite(this.#watermark)) return undefined;
    const isLive = this.#isLive && now - LIVE_WITHIN_MS > this.#watermark;
    return { ts: isLive ? now - LIVE_WITHIN_MS : this.#watermark, isLive };
  }

  async #read(): Promise<void> {
    const { redis, partitions } = this.#options;
    const clocks = await Promise.all(
      Array.from({ length: partitions }, (_, partition) =>
        redis.hmget(cursorKey('feature-extractor', partition), 'watermark', 'eventTime', 'delayMs'),
      ),
    );
    let newest = Number.NEGATIVE_INFINITY;
    for (const fields of clocks) {
      if (fields[0] === null) continue;
      const [watermark, eventTime, delayMs] = fields.map(Number) as [number, number, number];
      this.#watermark = Math.max(this.#watermark, watermark);
      if (eventTime < newest) continue;
      newest = eventTime;
      this.#isLive = delayMs <= LIVE_WITHIN_MS;
    }
  }
}
