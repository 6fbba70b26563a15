import type { ModelStore } from '@liminal/shared/adapters/model-store';
import { type ArchiveSummary, trainingKeys } from '@liminal/shared/contracts/training-rows';
import { canonicalJsonBytes } from '@liminal/shared/release/canonical-json';
import { Mutex } from '@liminal/shared/runtime/mutex';
import { type ArchiveLog, listParts, readParts } from './archive-parts.ts';
import { decodePartOrigins, encodePart } from './part-codec.ts';
import { partKey, type StoredPart } from './part-key.ts';
import { SummaryTracker } from './summary-tracker.ts';
import type { TrainingRow } from './training-row.ts';

/** Larger parts would hold up the writes behind them. */
export const MAX_ROWS_PER_PART = 5_000;

export interface ArchiveWriterOptions {
  store: ModelStore;
  /** Rows to keep; the oldest parts go when at least as many remain. */
  maxRows: number;
  /** Milliseconds since the epoch. */
  clock: () => number;
  log: ArchiveLog;
}

/** The single writer of the archive of training rows. Calls wait for each other. */
export class ArchiveWriter {
  readonly #store: ModelStore;
  readonly #maxRows: number;
  readonly #clock: () => number;
  readonly #tracker: SummaryTracker;
  readonly #mutex = new Mutex();
  #summary: ArchiveSummary;

  private constructor({ store, maxRows, clock }: ArchiveWriterOptions, tracker: SummaryTracker) {
    this.#store = store;
    this.#maxRows = maxRows;
    this.#clock = clock;
    this.#tracker = tracker;
    this.#summary = tracker.summary(new Date(clock()));
  }

  /** Reads users and times of all parts to know what there is. Throws while the store is away. */
  static async open(options: ArchiveWriterOptions): Promise<ArchiveWriter> {
    const { store, log } = options;
    const tracker = new SummaryTracker();
    const parts = await listParts(store, log);
    for await (const { part, content } of readParts(store, parts, decodePartOrigins, log)) {
      if (content !== null) tracker.put(part, content);
    }
    const writer = new ArchiveWriter(options, tracker);
    await writer.#mutex.run(() => writer.#publishSummary());
    return writer;
  }

  /** As of the last write. */
  get summary(): ArchiveSummary {
    return this.#summary;
  }

  /**
   * Writes the rows that begin at stream id `fromId` of a partition, at most `MAX_ROWS_PER_PART`. The key depends on
   * these two alone: whoever writes again from the same cursor after a crash, be it with more rows, replaces the part and
   * counts nothing twice. When it rejects, any of it may have happened: write again.
   */
  write(partition: number, fromId: string, rows: readonly TrainingRow[]): Promise<void> {
    if (rows.length === 0) return Promise.resolve();
    return this.#mutex.run(() => this.#write(partKey(partition, fromId), rows));
  }

  async #write(part: StoredPart, rows: readonly TrainingRow[]): Promise<void> {
    if (rows.length > MAX_ROWS_PER_PART) {
      throw new RangeError(`a part holds at most ${MAX_ROWS_PER_PART} rows, not ${rows.length}`);
    }
    await this.#store.put(part.key, await encodePart(rows), { contentType: 'application/vnd.apache.parquet' });
    this.#tracker.put(part, { users: rows.map(({ user }) => user), ts: rows.map(({ ts }) => ts) });
    for (const { key } of this.#tracker.partsBeyond(this.#maxRows)) {
      await this.#store.remove(key);
      this.#tracker.drop(key);
    }
    await this.#publishSummary();
  }

  async #publishSummary(): Promise<void> {
    this.#summary = this.#tracker.summary(new Date(this.#clock()));
    const bytes = canonicalJsonBytes(this.#summary);
    await this.#store.put(trainingKeys.summary, bytes, { contentType: 'application/json' });
  }
}
