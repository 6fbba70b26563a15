import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { type PartitionedStream, streamKey } from '../contracts/keys.ts';
import type { Lease, PartitionGroup } from './partition-group.ts';

const REBALANCE_EVERY_MS = 1_000;
const READ_BLOCKS_MS = 250;
const RETRY_AFTER_ERROR_MS = 500;

export interface StreamEntry {
  id: string;
  /** Fields by name, as bytes. */
  fields: Map<string, Buffer>;
}

/** One partition in the hands of this instance. */
export interface PartitionSession {
  readonly partition: number;
  /** Id of the last entry taken: reading goes on after it. */
  readonly lastId: string;
  /** Whether the way out is full, so that nothing more should be read for now. */
  isBlocked(): Promise<boolean> | boolean;
  /** Processes and commits entries; afterwards `lastId` is the last one's id. Throws `LeaseLostError` when fenced. */
  process(entries: readonly StreamEntry[]): Promise<void>;
  /** Called about once a second between reads, for what is due by time. */
  tend(): Promise<void>;
  /** Commits what is open before the partition goes to another instance. */
  close(): Promise<void>;
}

/** Another instance holds the partition now: this one's uncommitted work is void. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
  constructor(partition: number) {
    super(`partition ${partition} belongs to another instance now`);
  }
}

export interface StreamWorkerOptions {
  stream: PartitionedStream;
  /** Connection for blocking reads, used for nothing else. */
  reader: Redis;
  group: PartitionGroup;
  /** Takes a partition over: finds the cursor and recovers what was in flight. */
  open(lease: Lease): Promise<PartitionSession>;
  /** Entries of a partition per read. */
  batchEntries: number;
  /**
   * Rounds start at least this far apart unless there is a backlog: a round costs about the same however little it
   * holds, and without a pause a busy stream is read entry by entry.
   */
  roundMs: number;
  logger: Logger;
}

/**
 * Reads the partitions of a stream that this instance holds, in rounds: rebalance when due, one blocking read over
 * all of them, one commit for each. Whatever goes wrong with a partition, its session is dropped and opened anew from
 * what is committed, so memory never runs ahead of Redis for long.
 */
export class StreamWorker {
  readonly #options: StreamWorkerOptions;
  readonly #sessions = new Map<number, PartitionSession>();
  #isStopping = false;
  #loop: Promise<void> | undefined;
  #lastError: Error | undefined;
  #rebalanceAt = 0;
  #betweenRounds: (() => Promise<void>)[] = [];

  constructor(options: StreamWorkerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Finishes the running round, commits and hands the partitions over. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#loop;
    for (const work of this.#betweenRounds.splice(0)) await work();
  }

  /** Runs work on the sessions while none of them is at work. */
  runBetweenRounds(work: () => Promise<unknown>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#betweenRounds.push(async () => {
        try {
          await work();
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  get partitions(): number[] {
    return [...this.#sessions.keys()];
  }

  /** Throws, in plain words, while the worker can't do its work. */
  check(): void {
    if (this.#lastError !== undefined) throw this.#lastError;
    if (this.#loop === undefined) throw new Error('not started yet');
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      try {
        if (performance.now() >= this.#rebalanceAt) await this.#rebalance();
        for (const work of this.#betweenRounds.splice(0)) await work();
        await this.#readRound();
        this.#lastError = undefined;
      } catch (error) {
        this.#lastError = error instanceof Error ? error : new Error(String(error));
        this.#options.logger.error({ err: error, stream: this.#options.stream }, 'stream round failed; retrying');
        await sleep(RETRY_AFTER_ERROR_MS);
      }
    }
    await this.#handOver();
  }

  async #rebalance(): Promise<void> {
    const { group, logger, stream } = this.#options;
    for (const session of this.#sessions.values()) await this.#guard(session, () => session.tend());
    const { gained, lost, surplus } = await group.rebalance();
    for (const partition of lost) this.#drop(partition, 'lost');
    for (const partition of surplus) {
      const session = this.#sessions.get(partition);
      if (session !== undefined) await this.#guard(session, () => session.close());
      this.#sessions.delete(partition);
      await group.release(partition);
      logger.info({ stream, partition }, 'partition handed over');
    }
    for (const lease of gained) {
      try {
        this.#sessions.set(lease.partition, await this.#options.open(lease));
        logger.info({ stream, ...lease }, 'partition taken over');
      } catch (error) {
        group.forget(lease.partition);
        throw error;
      }
    }
    this.#rebalanceAt = performance.now() + REBALANCE_EVERY_MS;
  }

  async #readRound(): Promise<void> {
    const readable: PartitionSession[] = [];
    for (const session of this.#sessions.values()) if (!(await session.isBlocked())) readable.push(session);
    if (readable.length === 0) {
      await sleep(READ_BLOCKS_MS);
      return;
    }
    const startedAt = performance.now();
    const batches = await this.#read(readable);
    await Promise.all(batches.map(([session, entries]) => this.#guard(session, () => session.process(entries))));
    const hasBacklog = batches.some(([, entries]) => entries.length === this.#options.batchEntries);
    const early = startedAt + this.#options.roundMs - performance.now();
    if (!hasBacklog && early > 1) await sleep(early);
  }

  async #read(sessions: readonly PartitionSession[]): Promise<[PartitionSession, StreamEntry[]][]> {
    const { reader, stream, batchEntries } = this.#options;
    const byKey = new Map(sessions.map((session) => [streamKey(stream, session.partition), session]));
    const lastIds = sessions.map((session) => session.lastId);
    const reply = (await reader.xreadBuffer(
      'COUNT',
      batchEntries,
      'BLOCK',
      READ_BLOCKS_MS,
      'STREAMS',
      ...byKey.keys(),
      ...lastIds,
    )) as [Buffer, [Buffer, Buffer[]][]][] | null;
    return (reply ?? []).map(([key, entries]) => [byKey.get(key.toString())!, entries.map(toEntry)]);
  }

  /** Runs work of a session; on any error drops the session, so that it is opened anew from what is committed. */
  async #guard(session: PartitionSession, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (this.#sessions.get(session.partition) !== session) return;
      this.#options.group.forget(session.partition);
      this.#drop(session.partition, error instanceof LeaseLostError ? 'lost' : 'failed');
      if (!(error instanceof LeaseLostError)) throw error;
    }
  }

  #drop(partition: number, reason: 'lost' | 'failed'): void {
    this.#sessions.delete(partition);
    this.#rebalanceAt = 0;
    this.#options.logger.warn({ stream: this.#options.stream, partition, reason }, 'partition dropped');
  }

  async #handOver(): Promise<void> {
    try {
      for (const session of this.#sessions.values()) await this.#guard(session, () => session.close());
      await this.#options.group.leave();
    } catch (error) {
      this.#options.logger.error({ err: error }, 'hand-over failed; others take over when the leases end');
    }
  }
}

export function toEntry([id, flat]: [Buffer, Buffer[]]): StreamEntry {
  const fields = new Map<string, Buffer>();
  for (let index = 0; index + 1 < flat.length; index += 2) fields.set(flat[index]!.toString(), flat[index + 1]!);
  return { id: id.toString(), fields };
}
