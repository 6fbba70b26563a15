import { seriesPointsKey, watchKey } from '@liminal/shared/contracts/keys';
import {
  decodeSeriesList,
  type ScoredPoint,
  type SeriesList,
  type SeriesStanding,
  seriesName,
} from '@liminal/shared/contracts/series';
import { decodePoints } from '@liminal/shared/contracts/series-points';
import type { Redis } from 'ioredis';

/** The series of the platform and their newest points; none before the first minute is scored. */
export async function readSeries(redis: Redis): Promise<SeriesList> {
  const bytes = await redis.hgetBuffer(watchKey, 'series');
  return bytes === null ? { scoredAt: 0, series: [] } : decodeSeriesList(bytes);
}

export interface SeriesPoints {
  standing: SeriesStanding;
  scoredAt: number;
  /** Oldest first. */
  points: ScoredPoint[];
}

/** The newest `minutes` of a series; undefined when there is none of this name. */
export async function readSeriesPoints(redis: Redis, name: string, minutes: number): Promise<SeriesPoints | undefined> {
  const { scoredAt, series } = await readSeries(redis);
  const standing = series.find((of) => seriesName(of) === name);
  if (standing === undefined) return undefined;
  const ring = await redis.getBuffer(seriesPointsKey(name));
  const through = standing.newest.minute;
  const from = Math.max(standing.since, through - minutes + 1);
  return { standing, scoredAt, points: ring === null ? [] : decodePoints(ring, from, through) };
}
