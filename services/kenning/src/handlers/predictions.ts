import { type DeadLetter, deadLetterArguments, decodeEntries } from '@liminal/shared/adapters/dead-letters';
import { LuaScript } from '@liminal/shared/adapters/lua-script';
import type { Lease } from '@liminal/shared/adapters/partition-group';
import { LeaseLostError, type PartitionSession, type StreamEntry } from '@liminal/shared/adapters/stream-worker';
import { cursorKey, deadLetterKey, fenceKey, neededFromKey, streamKey } from '@liminal/shared/contracts/keys';
import { decodePredictions, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { type ArchiveWriter, MAX_ROWS_PER_PART } from '../archive/archive-writer.ts';
import type { Metrics } from '../metrics.ts';

const archiveScript = new LuaScript(new URL('./archive.lua', import.meta.url));
/** Rows that make a part worth writing. */
const ROWS_PER_PART = 2_000;

export interface PredictionsHandlerOptions {
  redis: Redis;
  archive: ArchiveWriter;
  flushMs: number;
  metrics: Metrics;
  logger: Logger;
}

/**
 * Archives one partition's predictions: gathers rows, writes them as one part, then moves the cursor. A part is named by
 * the cursor it begins at, so that writing again after a crash replaces it.
 */
export class PredictionsSession implements PartitionSession {
  readonly partition: number;
  readonly #fence: number;
  readonly #options: PredictionsHandlerOptions;
  #committedId: string;
  #lastId: string;
  #rows: PredictionRecord[] = [];
  #deadLetters: DeadLetter[] = [];
  #oldestSince = 0;

  private constructor(lease: Lease, committedId: string, options: PredictionsHandlerOptions) {
    this.partition = lease.partition;
    this.#fence = lease.fence;
    this.#committedId = committedId;
    this.#lastId = committedId;
    this.#options = options;
  }

  static async open(lease: Lease, options: PredictionsHandlerOptions): Promise<PredictionsSession> {
    const committedId = (await options.redis.hget(cursorKey('kenning', lease.partition), 'last')) ?? '0-0';
    return new PredictionsSession(lease, committedId, options);
  }

  get lastId(): string {
    return this.#lastId;
  }

  isBlocked(): boolean {
    return false;
  }

  async process(entries: readonly StreamEntry[]): Promise<void> {
    const { decoded, deadLetters } = decodeEntries(entries, decodePredictions);
    this.#deadLetters.push(...deadLetters);
    if (this.#lastId === this.#committedId) this.#oldestSince = performance.now();
    for (const { id, value: records } of decoded) {
      if (this.#rows.length + records.length > MAX_ROWS_PER_PART) await this.flush();
      this.#rows.push(...records);
      this.#lastId = id;
    }
    this.#lastId = entries.at(-1)!.id;
    if (this.#rows.length >= ROWS_PER_PART) await this.flush();
  }

  async tend(): Promise<void> {
    if (performance.now() - this.#oldestSince >= this.#options.flushMs) await this.flush();
  }

  close(): Promise<void> {
    return this.flush();
  }

  /** Writes what is gathered, however little. */
  async flush(): Promise<void> {
    if (this.#lastId === this.#committedId) return;
    const { redis, archive, metrics, logger } = this.#options;
    const startedAt = performance.now();
    const rows = this.#rows;
    await archive.write(this.partition, this.#committedId, rows);
    const keys = [
      fenceKey('kenning', this.partition),
      cursorKey('kenning', this.partition),
      neededFromKey('predictions', this.partition),
      deadLetterKey(streamKey('predictions', this.partition)),
    ];
    const args = [this.#fence, this.#committedId, this.#lastId, rows.length, ...deadLetterArguments(this.#deadLetters)];
    if ((await archiveScript.run(redis, keys, args)) !== 'OK') throw new LeaseLostError(this.partition);
    for (const { id, reason } of this.#deadLetters) {
      metrics.deadLetters.inc();
      logger.error({ partition: this.partition, id, reason }, 'could not decode; put aside as a dead letter');
    }
    this.#committedId = this.#lastId;
    this.#rows = [];
    this.#deadLetters = [];
    metrics.archivedRows.inc(rows.length);
    metrics.archiveDuration.observe((performance.now() - startedAt) / 1000);
  }
}
