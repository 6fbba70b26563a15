import { setTimeout as sleep } from 'node:timers/promises';
import { type StreamEntry, toEntry } from '@liminal/shared/adapters/stream-worker';
import { type AnomalyEntry, decodeAnomalyEntry } from '@liminal/shared/contracts/anomaly-entry';
import { analysisCursorKey, anomaliesKey } from '@liminal/shared/contracts/keys';
import { anomalyId } from '@liminal/shared/contracts/prediction-batch';
import { seriesName } from '@liminal/shared/contracts/series';
import { seriesAnomalyId } from '@liminal/shared/contracts/series-anomaly';
import { UndecodableError } from '@liminal/shared/contracts/undecodable-error';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { type AnalysisQueue, AUTOMATIC, requestAnalysis } from '../analysis/analysis-queue.ts';
import type { AnalysisStore } from '../analysis/analysis-store.ts';

const BATCH = 50;
const READ_BLOCKS_MS = 1_000;
const RETRY_AFTER_ERROR_MS = 1_000;
/** Jobs that may wait before critical anomalies are passed over: people ask for those that matter. */
const MOST_WAITING = 1_000;

export interface CriticalAnomaliesOptions {
  /** Connection for blocking reads, used for nothing else. */
  reader: Redis;
  redis: Redis;
  queue: AnalysisQueue;
  store: AnalysisStore;
  partitions: number;
  logger: Logger;
}

/**
 * Has every critical anomaly analysed, from the moment it first starts. The cursor moves on after the jobs are in the queue,
 * and a job is one an anomaly: whatever dies when, and however many replicas read, each is analysed once.
 */
export class CriticalAnomalies {
  readonly #options: CriticalAnomaliesOptions;
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: CriticalAnomaliesOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let cursor: string | undefined;
    while (!signal.aborted) {
      try {
        cursor ??= await this.#firstCursor();
        cursor = await this.#readFrom(cursor);
      } catch (error) {
        if (signal.aborted) return;
        this.#options.logger.error({ err: error }, 'critical anomalies could not be read; retrying');
        cursor = undefined;
        await sleep(RETRY_AFTER_ERROR_MS, undefined, { signal }).catch(() => {});
      }
    }
  }

  /** What was there before the suite could analyse is left to people. */
  async #firstCursor(): Promise<string> {
    const { redis } = this.#options;
    const [newest] = await redis.xrevrangeBuffer(anomaliesKey, '+', '-', 'COUNT', 1);
    await redis.set(analysisCursorKey, newest === undefined ? '0-0' : newest[0].toString(), 'NX');
    return (await redis.get(analysisCursorKey)) ?? '0-0';
  }

  async #readFrom(cursor: string): Promise<string> {
    const { reader, redis } = this.#options;
    const reply = (await reader.xreadBuffer(
      'COUNT',
      BATCH,
      'BLOCK',
      READ_BLOCKS_MS,
      'STREAMS',
      anomaliesKey,
      cursor,
    )) as [Buffer, [Buffer, Buffer[]][]][] | null;
    const entries = (reply?.[0]?.[1] ?? []).map(toEntry);
    const last = entries.at(-1);
    if (last === undefined) return cursor;
    for (const entry of entries) await this.#take(entry);
    await redis.set(analysisCursorKey, last.id);
    return last.id;
  }

  async #take({ id, fields }: StreamEntry): Promise<void> {
    const { queue, redis, store, partitions, logger } = this.#options;
    const entry = this.#decode(id, fields);
    if (entry?.record.severity !== 'critical') return;
    const anomaly = idOf(entry);
    if ((await store.analysis(anomaly)) !== undefined) return;
    const counts = await queue.getJobCounts('waiting', 'prioritized');
    if (Object.values(counts).reduce((sum, count) => sum + count, 0) >= MOST_WAITING) {
      logger.warn({ anomaly }, 'too many analyses wait: a critical anomaly is passed over');
      return;
    }
    await requestAnalysis(queue, redis, partitions, { entry, anomaly, requestedBy: AUTOMATIC, isFresh: false });
  }

  #decode(id: string, fields: ReadonlyMap<string, Buffer>): AnomalyEntry | undefined {
    try {
      return decodeAnomalyEntry(fields);
    } catch (error) {
      if (!(error instanceof UndecodableError)) throw error;
      this.#options.logger.warn({ err: error, id }, 'anomaly can not be read and is not analysed');
      return undefined;
    }
  }
}

const idOf = (entry: AnomalyEntry): string =>
  entry.entity === 'user' ? anomalyId(entry.record) : seriesAnomalyId(seriesName(entry.record), entry.record.minute);
