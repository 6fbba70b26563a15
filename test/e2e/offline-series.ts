import { PartitionMinutes } from '@liminal/feature-extractor/minutes/partition-minutes';
import { MinuteMerge, type PlatformMinute } from '@liminal/predictor/series/minute-merge';
import { PlatformSeries } from '@liminal/predictor/series/platform-series';
import { toEntry } from '@liminal/shared/adapters/stream-worker';
import { decodeAnomalyEntry } from '@liminal/shared/contracts/anomaly-entry';
import type { Event } from '@liminal/shared/contracts/event';
import { encodeEventBatch } from '@liminal/shared/contracts/event-batch-writer';
import { anomaliesKey, seriesPointsKey, watchKey } from '@liminal/shared/contracts/keys';
import { partitionOf } from '@liminal/shared/contracts/partition';
import { decodeSeriesList, type ScoredPoint, type SeriesStanding, seriesName } from '@liminal/shared/contracts/series';
import { type SeriesAnomalyRecord, seriesAnomalyId } from '@liminal/shared/contracts/series-anomaly';
import { decodePoints, POINTS_KEPT } from '@liminal/shared/contracts/series-points';
import type { Redis } from 'ioredis';
import { expect } from 'vitest';

export interface OfflineSeries {
  /** Minutes that are merged, oldest first. */
  minutes: PlatformMinute[];
  standings: SeriesStanding[];
  /** All points of each series that stands at the end. */
  points: Map<string, ScoredPoint[]>;
  anomalies: SeriesAnomalyRecord[];
}

export interface OfflineOptions {
  partitions: number;
  latenessMs: number;
  /** Groups of each kind with series of their own. */
  groups: number;
}

/**
 * What the platform watch must come to, computed offline from the events in the order in which they were accepted, when time
 * has gone on everywhere to the newest of them.
 */
export function offlineSeries(
  events: readonly Event[],
  { partitions, latenessMs, groups }: OfflineOptions,
): OfflineSeries {
  const arrivedAt = Date.now();
  const folds = Array.from({ length: partitions }, () => new PartitionMinutes(latenessMs));
  const batches = Map.groupBy(events, ({ user }) => partitionOf(user, partitions));
  for (const [partition, batch] of batches) {
    expect(folds[partition]!.fold(encodeEventBatch(batch), undefined, arrivedAt), 'late events').toBe(0);
  }
  const end = Math.max(...folds.map(({ clock }) => clock.watermark));
  const merge = new MinuteMerge(partitions);
  for (const [partition, fold] of folds.entries()) {
    fold.tick(end, arrivedAt, false);
    const closed = fold.takeClosed();
    if (closed !== undefined) merge.push(partition, '1-0', closed);
  }
  const series = new PlatformSeries(groups);
  const offline: OfflineSeries = { minutes: [], standings: [], points: new Map(), anomalies: [] };
  for (let minute = merge.next(); minute !== undefined; minute = merge.next()) {
    offline.minutes.push(minute);
    for (const anomaly of series.take(minute, arrivedAt)) if (anomaly !== undefined) offline.anomalies.push(anomaly);
    for (const name of series.takeRemoved()) offline.points.delete(name);
    for (const { name, newest } of series.all()) {
      if (!offline.points.has(name)) offline.points.set(name, []);
      offline.points.get(name)!.push(newest);
    }
  }
  offline.standings = series.standings;
  return offline;
}

/** Whether the watch has scored the last minute. */
export async function isWatchedToTheEnd({ standings }: OfflineSeries, redis: Redis): Promise<boolean> {
  const bytes = await redis.hgetBuffer(watchKey, 'series');
  return bytes !== null && decodeSeriesList(bytes).series[0]?.newest.minute === standings[0]!.newest.minute;
}

/** Compares every series, point and anomaly in Redis: each once, none missing, the same bits. */
export async function expectSameSeries({ standings, points, anomalies }: OfflineSeries, redis: Redis): Promise<void> {
  const found = decodeSeriesList((await redis.hgetBuffer(watchKey, 'series'))!).series;
  expect(found).toEqual(standings);
  for (const standing of standings) {
    const name = seriesName(standing);
    const ring = (await redis.getBuffer(seriesPointsKey(name)))!;
    const stored = decodePoints(ring, standing.since, standing.newest.minute);
    const kept = points.get(name)!.filter(({ minute }) => minute > standing.newest.minute - POINTS_KEPT);
    expect(stored, name).toEqual(kept);
  }
  const entries = (await redis.xrangeBuffer(anomaliesKey, '-', '+')).map((raw) =>
    decodeAnomalyEntry(toEntry(raw).fields),
  );
  const written = entries.flatMap((anomaly) => (anomaly.entity === 'series' ? [anomaly.record] : []));
  expect(written.map(idOf), 'anomalies of series').toEqual(anomalies.map(idOf));
  expect(written.map(withoutClock)).toEqual(anomalies.map(withoutClock));
}

const idOf = (anomaly: SeriesAnomalyRecord): string => seriesAnomalyId(seriesName(anomaly), anomaly.minute);
const withoutClock = (anomaly: SeriesAnomalyRecord) => ({ ...anomaly, scoredAt: 0 });
