import { setTimeout as sleep } from 'node:timers/promises';
import type { PartitionGroup } from '@liminal/shared/adapters/partition-group';
import { trimStream } from '@liminal/shared/adapters/stream-trim';
import { LeaseLostError, toEntry } from '@liminal/shared/adapters/stream-worker';
import { seriesDetectorKey, seriesPointsKey, streamKey, watchKey } from '@liminal/shared/contracts/keys';
import { decodeClosedMinutes } from '@liminal/shared/contracts/platform-minutes';
import { decodeSeriesList, encodeSeriesList, type SeriesStanding, seriesName } from '@liminal/shared/contracts/series';
import type { SeriesAnomalyRecord } from '@liminal/shared/contracts/series-anomaly';
import { UndecodableError } from '@liminal/shared/contracts/undecodable-error';
import type { EventLoopShare } from '@liminal/shared/runtime/event-loop-share';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { type SeriesWrite, writeSeriesCommit } from '../commit/series-commit.ts';
import type { Config } from '../config.ts';
import type { Metrics } from '../metrics.ts';
import { MinuteMerge } from '../series/minute-merge.ts';
import { PlatformSeries } from '../series/platform-series.ts';
import { decodeWatchState, encodeWatchState } from '../series/watch-state-codec.ts';

const ROUND_MS = 1_000;
const RETRY_AFTER_ERROR_MS = 500;
const ENTRIES_PER_READ = 64;
/** Entries of a partition that may wait for the other partitions. */
const MOST_WAITING = 512;
/** A commit of so many minutes has a few hundred KB. */
const MINUTES_PER_COMMIT = 30;

export interface SeriesWatchOptions {
  redis: Redis;
  /** Of one partition: one instance watches the platform. */
  group: PartitionGroup;
  config: Config;
  metrics: Metrics;
  logger: Logger;
  share: EventLoopShare;
  now(): number;
}

/** What the instance that watches has in memory: all of it is in Redis, too. */
interface Watch {
  fence: number;
  commits: number;
  merge: MinuteMerge;
  series: PlatformSeries;
}

/**
 * Watches the series of the platform: reads what the partitions closed, scores each minute once all of them have passed it, and
 * commits points, anomalies and cursors in one step. One instance does it at a time, by fenced lease; whatever goes wrong, it
 * goes on from what is committed.
 */
export class SeriesWatch {
  readonly #options: SeriesWatchOptions;
  #watch: Watch | undefined;
  #isStopping = false;
  #loop: Promise<void> | undefined;
  #lastError: Error | undefined;
  readonly #awake = new AbortController();

  constructor(options: SeriesWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#awake.abort();
    await this.#loop;
  }

  /** Throws, in plain words, while it can't do its work. */
  check(): void {
    if (this.#lastError !== undefined) throw this.#lastError;
    if (this.#loop === undefined) throw new Error('not started yet');
  }

  get isWatching(): boolean {
    return this.#watch !== undefined;
  }

  async #run(): Promise<void> {
    const { group, logger } = this.#options;
    while (!this.#isStopping) {
      let waitMs = ROUND_MS;
      try {
        await this.#rebalance();
        while (this.#watch !== undefined && !this.#isStopping && (await this.#round(this.#watch))) {
          // There is more.
          await this.#rebalance();
        }
        this.#lastError = undefined;
      } catch (error) {
        group.forget(0);
        this.#drop();
        if (!(error instanceof LeaseLostError)) {
          this.#lastError = error instanceof Error ? error : new Error(String(error));
          logger.error({ err: error }, 'watching the series failed; retrying');
          waitMs = RETRY_AFTER_ERROR_MS;
        }
      }
      // It rejects only because it was woken to stop.
      await sleep(waitMs, undefined, { signal: this.#awake.signal }).catch(() => {});
    }
    await group.leave().catch((error: unknown) => {
      logger.error({ err: error }, 'the series were not handed over; another instance takes over when the lease ends');
    });
  }

  async #rebalance(): Promise<void> {
    const { group, logger } = this.#options;
    const { gained, lost } = await group.rebalance();
    if (lost.length > 0) this.#drop();
    const [lease] = gained;
    if (lease === undefined) return;
    this.#watch = await this.#open(lease.fence);
    logger.info({ fence: lease.fence, series: this.#watch.series.standings.length }, 'watching the platform');
  }

  #drop(): void {
    this.#watch = undefined;
    this.#options.metrics.dropSeries();
  }

  async #open(fence: number): Promise<Watch> {
    const { redis, config, logger } = this.#options;
    const { partitions, watchGroups } = config;
    const { commits: committed, state, series: list } = await redis.hgetallBuffer(watchKey);
    const commits = Number(committed?.toString() ?? 0);
    if (state !== undefined && list !== undefined) {
      try {
        const { merge, groups } = decodeWatchState(state);
        const { series: standings } = decodeSeriesList(list);
        const series = new PlatformSeries(watchGroups, groups);
        for (const standing of standings) await this.#restore(series, standing);
        return { fence, commits, merge: new MinuteMerge(partitions, merge), series };
      } catch (error) {
        if (!(error instanceof UndecodableError)) throw error;
        logger.error({ err: error }, 'the state of the watch can not be read; all series begin anew');
      }
    }
    return { fence, commits, merge: new MinuteMerge(partitions), series: new PlatformSeries(watchGroups) };
  }

  async #restore(series: PlatformSeries, standing: SeriesStanding): Promise<void> {
    const { redis, logger, share } = this.#options;
    const name = seriesName(standing);
    const [detector, points] = await Promise.all([
      redis.getBuffer(seriesDetectorKey(name)),
      redis.getBuffer(seriesPointsKey(name)),
    ]);
    while (share.isUsedUp) await share.nextTurn();
    try {
      series.restore({ standing, detector, points });
    } catch (error) {
      if (!(error instanceof UndecodableError)) throw error;
      logger.error({ err: error, series: name }, 'detector can not be read; it learns anew from the last day');
      series.restore({ standing, detector: null, points });
    }
  }

  /** Reads, scores and commits once. Returns whether there may be more to do at once. */
  async #round(watch: Watch): Promise<boolean> {
    const { metrics, share, now, redis, config } = this.#options;
    const { merge, series } = watch;
    const hasRead = await this.#read(merge);
    const anomalies: SeriesAnomalyRecord[] = [];
    let minutes = 0;
    for (let minute = merge.next(); minute !== undefined; minute = merge.next()) {
      for (const anomaly of series.take(minute, now())) {
        if (anomaly !== undefined) anomalies.push(anomaly);
        while (share.isUsedUp) await share.nextTurn();
      }
      minutes++;
      if (minutes === MINUTES_PER_COMMIT) break;
    }
    const deadLetters = merge.takeUnreadable();
    if (minutes === 0 && deadLetters.length === 0) return hasRead;
    const { cursors } = merge.state;
    await writeSeriesCommit(redis, {
      fence: watch.fence,
      commits: watch.commits,
      state: encodeWatchState({ merge: merge.state, groups: series.groups }),
      list: encodeSeriesList({ scoredAt: now(), series: series.standings }),
      cursors: cursors.map(({ id }) => id),
      series: await this.#unstored(series),
      removed: series.takeRemoved(),
      anomalies,
      deadLetters,
    });
    watch.commits++;
    metrics.seriesMinutes.labels('scored').inc(minutes);
    metrics.seriesMinutes.labels('unknown').inc(merge.takeGaps());
    metrics.anomalies.labels('series').inc(anomalies.length);
    metrics.deadLetters.inc(deadLetters.length);
    metrics.showSeries(series.labelled);
    for (let partition = 0; partition < config.partitions; partition++) await trimStream(redis, 'series', partition);
    return true;
  }

  async #unstored(series: PlatformSeries): Promise<SeriesWrite[]> {
    const { share } = this.#options;
    const writes: SeriesWrite[] = [];
    for (const of of series.all()) {
      const { points, state } = of.takeUnstored();
      writes.push({ name: of.name, points, detector: state });
      while (share.isUsedUp) await share.nextTurn();
    }
    return writes;
  }

  async #read(merge: MinuteMerge): Promise<boolean> {
    const { redis, config, logger, share } = this.#options;
    const partitions = Array.from({ length: config.partitions }, (_, partition) => partition);
    const reading = partitions.filter((partition) => merge.reading(partition).waiting < MOST_WAITING);
    if (reading.length === 0) return false;
    const reply = (await redis.xreadBuffer(
      'COUNT',
      ENTRIES_PER_READ,
      'STREAMS',
      ...reading.map((partition) => streamKey('series', partition)),
      ...reading.map((partition) => merge.reading(partition).id),
    )) as [Buffer, [Buffer, Buffer[]][]][] | null;
    const byKey = new Map(partitions.map((partition) => [streamKey('series', partition), partition]));
    for (const [key, entries] of reply ?? []) {
      const partition = byKey.get(key.toString())!;
      for (const { id, fields } of entries.map(toEntry)) {
        const bytes = fields.get('b') ?? Buffer.alloc(0);
        while (share.isUsedUp) await share.nextTurn();
        try {
          merge.push(partition, id, decodeClosedMinutes(bytes));
        } catch (error) {
          if (!(error instanceof UndecodableError)) throw error;
          merge.pushUnreadable(partition, { id, reason: error.message, payload: bytes });
          logger.error({ partition, id, reason: error.message }, 'could not decode; put aside as a dead letter');
        }
      }
    }
    return reply !== null;
  }
}
