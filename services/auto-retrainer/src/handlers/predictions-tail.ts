import { setImmediate as nextTurn } from 'node:timers/promises';
import { decodeEntries } from '@liminal/shared/adapters/dead-letters';
import { toEntry } from '@liminal/shared/adapters/stream-worker';
import { cursorKey, streamKey } from '@liminal/shared/contracts/keys';
import { decodePredictions, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import type { Redis } from 'ioredis';

/** Entries of a partition per read, as kenning's archive takes them. */
const BATCH_ENTRIES = 16;
/** Reads of one look at most: what is left comes at the next one. */
const MOST_READS = 50;

/**
 * Reads the predictions of all partitions from where it stood, with a cursor of its own and without a say in what is
 * trimmed: a retrainer that is away must not keep streams from being trimmed. What was trimmed meanwhile is not seen,
 * which only makes the sample that drift is measured on smaller. What can't be decoded is kenning's to put aside.
 */
export class PredictionsTail {
  readonly #redis: Redis;
  readonly #partitions: number;

  constructor(redis: Redis, partitions: number) {
    this.#redis = redis;
    this.#partitions = partitions;
  }

  /** Calls `take` with what is new, batch by batch, and moves `cursors` on. Other work has its turn between them. */
  async read(cursors: Record<number, string>, take: (records: PredictionRecord[]) => void): Promise<void> {
    for (let read = 0; read < MOST_READS; read++) {
      const partitions = Array.from({ length: this.#partitions }, (_, partition) => partition);
      const reply = (await this.#redis.xreadBuffer(
        'COUNT',
        BATCH_ENTRIES,
        'STREAMS',
        ...partitions.map((partition) => streamKey('predictions', partition)),
        ...partitions.map((partition) => cursors[partition] ?? '0-0'),
      )) as [Buffer, [Buffer, Buffer[]][]][] | null;
      if (reply === null) return;
      const byKey = new Map(partitions.map((partition) => [streamKey('predictions', partition), partition]));
      for (const [key, packed] of reply) {
        const entries = packed.map(toEntry);
        take(decodeEntries(entries, decodePredictions).decoded.flatMap(({ value }) => value));
        cursors[byKey.get(key.toString())!] = entries.at(-1)!.id;
        await nextTurn();
      }
    }
  }

  /** For how long the oldest vector that is not scored yet has waited, ms, over all partitions; 0 when none waits. */
  async predictorLagMs(): Promise<number> {
    const waitingSince = await Promise.all(
      Array.from({ length: this.#partitions }, async (_, partition) => {
        const last = (await this.#redis.hget(cursorKey('predictor', partition), 'last')) ?? '0-0';
        const [oldest] = await this.#redis.xrange(streamKey('features', partition), `(${last}`, '+', 'COUNT', 1);
        return oldest === undefined ? Number.POSITIVE_INFINITY : msOf(oldest[0]);
      }),
    );
    // By the clock of Redis, which has made the ids.
    const [seconds] = await this.#redis.time();
    return Math.max(0, 1000 * Number(seconds) - Math.min(...waitingSince));
  }
}

const msOf = (streamId: string): number => Number(streamId.split('-', 1)[0]);
