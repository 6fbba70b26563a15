import {
  type ScoredPoint,
  type SeriesIdentity,
  type SeriesStanding,
  seriesName,
} from '@liminal/shared/contracts/series';
import { ANOMALY_MINUTES, type RecentMinute, type SeriesAnomalyRecord } from '@liminal/shared/contracts/series-anomaly';
import { decodePoints } from '@liminal/shared/contracts/series-points';
import { SeriesDetector } from '@liminal/shared/time-series/series-detector';

/** Minutes after which the state of a detector is stored again; until then the stored points tell what came later. */
const SNAPSHOT_EVERY_MINUTES = 60;

/** One series: its detector, its last hour, and what of it is not stored yet. */
export class WatchedSeries {
  readonly name: string;
  readonly identity: SeriesIdentity;
  readonly since: number;
  readonly #detector: SeriesDetector;
  readonly #recent: RecentMinute[] = [];
  #newest: ScoredPoint | undefined;
  #unstored: ScoredPoint[] = [];
  /** Minute of the stored state; −Infinity without one. */
  #storedMinute: number;

  private constructor(identity: SeriesIdentity, since: number, detector: SeriesDetector) {
    this.identity = identity;
    this.name = seriesName(identity);
    this.since = since;
    this.#detector = detector;
    this.#storedMinute = detector.lastMinute;
  }

  static begin(identity: SeriesIdentity, minute: number): WatchedSeries {
    return new WatchedSeries(identity, minute, SeriesDetector.fresh());
  }

  /**
   * As it was at its newest point: from the stored state of the detector, if any, and the points that came later.
   *
   * @param state throws `UndecodableError` when this version did not write it
   * @param ring all stored points
   */
  static restore(
    { newest, since, ...identity }: SeriesStanding,
    state: Buffer | null,
    ring: Buffer | null,
  ): WatchedSeries {
    const detector = state === null ? SeriesDetector.fresh() : SeriesDetector.decode(state);
    const series = new WatchedSeries(identity, since, detector);
    const points = ring === null ? [] : decodePoints(ring, since, newest.minute);
    for (const { minute, value } of points) if (minute > series.#storedMinute) detector.update({ minute, value });
    series.#recent.push(...points.slice(-ANOMALY_MINUTES).map(toRecent));
    series.#newest = newest;
    return series;
  }

  get newest(): ScoredPoint {
    return this.#newest!;
  }

  get standing(): SeriesStanding {
    return { ...this.identity, since: this.since, newest: this.newest };
  }

  /** Takes the next minute. */
  update(minute: number, value: number): ScoredPoint {
    // All numbers as they are stored, so that whoever takes over goes on with the same bits.
    const stored = Math.fround(value);
    const { status, severity, alarm, ...verdict } = this.#detector.update({ minute, value: stored });
    if (status === 'late') throw new Error(`minute ${minute} of ${this.name} came after ${this.newest.minute}`);
    const point: ScoredPoint = {
      minute,
      value: stored,
      expected: Math.fround(verdict.expected),
      expectedLow: Math.fround(verdict.expectedLow),
      expectedHigh: Math.fround(verdict.expectedHigh),
      score: Math.fround(verdict.score),
      status,
      severity,
      alarm,
    };
    this.#newest = point;
    this.#unstored.push(point);
    this.#recent.push(toRecent(point));
    if (this.#recent.length > ANOMALY_MINUTES) this.#recent.shift();
    return point;
  }

  /** The newest point as an anomaly. `load`: requests of the platform. */
  anomaly(load: readonly RecentMinute[], scoredAt: number): SeriesAnomalyRecord {
    const { minute, value, expected, expectedLow, expectedHigh, score, severity } = this.newest;
    return {
      ...this.identity,
      minute,
      value,
      expected,
      expectedLow,
      expectedHigh,
      score,
      severity,
      recent: [...this.#recent],
      load: load.map(({ minute, value }) => ({ minute, value })),
      scoredAt,
    };
  }

  get recent(): readonly RecentMinute[] {
    return this.#recent;
  }

  /** The points that are not stored yet, and the detector's state when it is due. They count as stored from here on. */
  takeUnstored(): { points: ScoredPoint[]; state: Buffer | undefined } {
    const points = this.#unstored;
    this.#unstored = [];
    const isDue = this.#detector.lastMinute >= this.#storedMinute + SNAPSHOT_EVERY_MINUTES;
    if (!isDue) return { points, state: undefined };
    this.#storedMinute = this.#detector.lastMinute;
    return { points, state: this.#detector.encode() };
  }
}

const toRecent = ({ minute, value, expectedLow, expectedHigh }: ScoredPoint): RecentMinute => ({
  minute,
  value,
  expectedLow,
  expectedHigh,
});
