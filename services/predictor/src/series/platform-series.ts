import { type SeriesList, type SeriesStanding, seriesName } from '@liminal/shared/contracts/series';
import type { SeriesAnomalyRecord } from '@liminal/shared/contracts/series-anomaly';
import type { PlatformMinute } from './minute-merge.ts';
import { eventsByGroup, minuteValues, type SeriesValue } from './minute-values.ts';
import { type GroupTraffic, TrackedGroups } from './tracked-groups.ts';
import { WatchedSeries } from './watched-series.ts';

export interface GroupsState {
  routes: readonly GroupTraffic[];
  channels: readonly GroupTraffic[];
}

/** A series as it was stored: its standing, the state of its detector and its ring of points. */
export interface StoredSeries {
  standing: SeriesStanding;
  detector: Buffer | null;
  points: Buffer | null;
}

/** Every series of the platform: those of its own and of a bounded number of route and channel groups. */
export class PlatformSeries {
  readonly #routes: TrackedGroups;
  readonly #channels: TrackedGroups;
  #series = new Map<string, WatchedSeries>();
  #labels = new Map<string, WatchedSeries>();
  #removed: string[] = [];

  /** `places`: groups of each kind with series of their own. */
  constructor(places: number, groups: GroupsState = { routes: [], channels: [] }) {
    this.#routes = new TrackedGroups(places, groups.routes);
    this.#channels = new TrackedGroups(places, groups.channels);
  }

  /** Takes over a series as it was stored. Throws `UndecodableError` when this version did not write its detector. */
  restore({ standing, detector, points }: StoredSeries): void {
    this.#series.set(seriesName(standing), WatchedSeries.restore(standing, detector, points));
  }

  get groups(): GroupsState {
    return { routes: this.#routes.state, channels: this.#channels.state };
  }

  get standings(): SeriesList['series'] {
    return [...this.#series.values()].map(({ standing }) => standing);
  }

  /** The newest points by metric label. */
  get labelled(): ReadonlyMap<string, WatchedSeries> {
    return this.#labels;
  }

  /** Names of the series that were given up since the last call. */
  takeRemoved(): string[] {
    return this.#removed.splice(0);
  }

  all(): Iterable<WatchedSeries> {
    return this.#series.values();
  }

  /**
   * Scores the next minute. Yields after each series, so that the caller can let other work have its turn; the anomalies are
   * yielded where there are any.
   */
  *take(minute: PlatformMinute, scoredAt: number): Generator<SeriesAnomalyRecord | undefined> {
    this.#routes.update(eventsByGroup(minute.routes, ({ requests }) => requests));
    this.#channels.update(eventsByGroup(minute.channels, ({ events }) => events));
    const tracked = { routes: this.#routes.tracked, channels: this.#channels.tracked };
    const before = this.#series;
    this.#series = new Map();
    this.#labels = new Map();
    const alarming: WatchedSeries[] = [];
    for (const value of minuteValues(minute, tracked)) {
      const series = this.#update(value, minute.minute, before);
      if (series?.newest.alarm) alarming.push(series);
      yield undefined;
    }
    for (const name of before.keys()) if (!this.#series.has(name)) this.#removed.push(name);
    const load = this.#series.get('requests')!.recent;
    for (const series of alarming) yield series.anomaly(load, scoredAt);
  }

  #update(
    { label, value, begins, ...identity }: SeriesValue,
    minute: number,
    before: ReadonlyMap<string, WatchedSeries>,
  ): WatchedSeries | undefined {
    const name = seriesName(identity);
    const series = before.get(name) ?? (begins ? WatchedSeries.begin(identity, minute) : undefined);
    if (series === undefined) return undefined;
    this.#series.set(name, series);
    this.#labels.set(label, series);
    series.update(minute, value);
    return series;
  }
}
