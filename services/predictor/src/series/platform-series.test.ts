import { seriesName } from '@liminal/shared/contracts/series';
import {
  decodeSeriesAnomaly,
  encodeSeriesAnomaly,
  type SeriesAnomalyRecord,
} from '@liminal/shared/contracts/series-anomaly';
import { encodePoint, POINTS_KEPT, pointOffset } from '@liminal/shared/contracts/series-points';
import { DURATION_BUCKETS, durationBucket } from '@liminal/shared/platform-watch/duration-buckets';
import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import type { PlatformMinute, RouteTotals } from './minute-merge.ts';
import { PlatformSeries } from './platform-series.ts';

const FIRST = 29_460_240;

function route(requests: number, errors = 0, durationMs = 10): RouteTotals {
  const durations = new Float64Array(DURATION_BUCKETS);
  durations[durationBucket(durationMs)] = requests;
  return { requests, errors, users: Math.ceil(requests / 2), durations };
}

const minuteOf = (minute: number, fields: Partial<PlatformMinute> = {}): PlatformMinute => {
  const none = { users: 0, logins: 0, failedLogins: 0, tokenRefreshes: 0, routes: new Map(), channels: new Map() };
  return { minute, ...none, ...fields };
};

function take(series: PlatformSeries, minute: PlatformMinute): SeriesAnomalyRecord[] {
  return [...series.take(minute, 1)].filter((anomaly) => anomaly !== undefined);
}

const newest = (series: PlatformSeries): Record<string, number> =>
  Object.fromEntries(series.standings.map((standing) => [seriesName(standing), standing.newest.value]));

describe('series of the platform', () => {
  it('are its measures, those of the tracked groups, and those of all others together', () => {
    const series = new PlatformSeries(1);
    const routes = new Map([
      ['/a', route(95, 19, 10)],
      ['/b', route(5, 0, 1_000)],
      ['', route(10, 0, 1_000)],
    ]);
    const channels = new Map([
      ['room', { events: 6, users: 3 }],
      ['chat', { events: 4, users: 2 }],
    ]);
    take(series, minuteOf(FIRST, { users: 9, logins: 15, failedLogins: 10, tokenRefreshes: 2, routes, channels }));
    const values = newest(series);
    const p95 = 1_000;
    expect(values).toMatchObject({
      requests: 110,
      active_users: 9,
      logins: 15,
      failed_login_ratio: 0.5,
      token_refreshes: 2,
      channel_events: 10,
      error_ratio: Math.fround(19 / 115),
      'requests@route:/a': 95,
      'active_users@route:/a': 48,
      'error_ratio@route:/a': Math.fround(0.19),
      'requests@other-routes': 15,
      'error_ratio@other-routes': 0,
      'channel_events@channel:room': 6,
      'active_users@channel:room': 3,
      'channel_events@other-channels': 4,
    });
    expect(Math.abs(values.p95_duration! / p95 - 1)).toBeLessThan(0.0201);
    expect(Math.abs(values['p95_duration@route:/a']! / 10 - 1)).toBeLessThan(0.0201);
    expect(Object.keys(values)).toHaveLength(8 + 4 + 4 + 2 + 2);
    expect([...series.labelled.keys()]).toContain('requests@route-0');
    expect([...series.labelled.keys()].join()).not.toMatch(/\/a|room/);
  });

  it('of a minute without anything are zero, and a duration is not observed', () => {
    const series = new PlatformSeries(1);
    take(series, minuteOf(FIRST));
    expect(newest(series)).toMatchObject({
      requests: 0,
      error_ratio: 0,
      failed_login_ratio: 0,
      p95_duration: Number.NaN,
    });
    expect(series.standings).toHaveLength(8);
    expect(series.standings.find(({ measure }) => measure === 'p95_duration')!.newest.status).toBe('missing');
  });

  it('begin and end with the place of their group', () => {
    const series = new PlatformSeries(1);
    take(series, minuteOf(FIRST, { routes: new Map([['/old', route(10)]]) }));
    take(series, minuteOf(FIRST + 1, { routes: new Map([['/new', route(1_000)]]) }));
    const names = series.standings.map(seriesName);
    expect(names).toContain('requests@route:/new');
    expect(series.takeRemoved()).toEqual(
      ['requests', 'active_users', 'error_ratio', 'p95_duration'].map((measure) => `${measure}@route:/old`),
    );
    expect(series.takeRemoved()).toEqual([]);
  });

  it('alarm once when a day of traffic ends in silence, with the past hour and the load', () => {
    const series = new PlatformSeries(0);
    // Twelve rounds a day: regular enough that nothing else is new.
    const requestsAt = (index: number): number => Math.round(20_000 + 4_000 * Math.sin((index * Math.PI) / 60));
    const minutes = Array.from({ length: 1_650 }, (_, index) =>
      minuteOf(FIRST + index, {
        users: index >= 1_600 ? 0 : 500,
        routes: new Map([['/a', route(index >= 1_600 ? 0 : requestsAt(index))]]),
      }),
    );
    const anomalies = minutes.flatMap((minute) => take(series, minute));
    const outage = anomalies.filter(({ measure, scope }) => measure === 'requests' && scope === 'platform');
    expect(outage).toHaveLength(1);
    const [anomaly] = outage;
    expect(anomaly!.minute - FIRST).toBeGreaterThanOrEqual(1_600);
    expect(anomaly!.minute - FIRST).toBeLessThan(1_605);
    expect(anomaly).toMatchObject({ value: 0, group: null, severity: 'critical' });
    expect(anomaly!.expectedLow).toBeGreaterThan(15_000);
    expect(anomaly!.recent).toHaveLength(60);
    expect(anomaly!.recent.at(-1)).toMatchObject({ minute: anomaly!.minute, value: 0 });
    expect(anomaly!.load.map(({ value }) => value)).toEqual(anomaly!.recent.map(({ value }) => value));
    expect(decodeSeriesAnomaly(encodeSeriesAnomaly(anomaly!))).toEqual(anomaly);
  });

  it('go on bit for bit from what was stored, wherever that was', () => {
    const random = new Random(4);
    const minutes = Array.from({ length: 1_900 }, (_, index) =>
      minuteOf(FIRST + index + (index > 1_000 ? 90 : 0), {
        users: 5 + random.int(5),
        logins: index > 1_700 && index < 1_710 ? 400 + random.int(50) : random.int(3),
        routes: new Map([['/a', route(random.int(30), 0, 5 + random.int(90))]]),
      }),
    );
    const whole = new PlatformSeries(1);
    const wanted = minutes.flatMap((minute) => take(whole, minute));
    expect(wanted.length).toBeGreaterThan(0);

    let series = new PlatformSeries(1);
    const rings = new Map<string, Buffer>();
    const detectors = new Map<string, Buffer>();
    const found: SeriesAnomalyRecord[] = [];
    for (const minute of minutes) {
      found.push(...take(series, minute));
      if (random.next() < 0.3) continue;
      for (const of of series.all()) {
        const { points, state } = of.takeUnstored();
        const ring = rings.get(of.name) ?? Buffer.alloc(pointOffset(POINTS_KEPT - 1) + 28);
        rings.set(of.name, ring);
        for (const point of points) encodePoint(point).copy(ring, pointOffset(point.minute));
        if (state !== undefined) detectors.set(of.name, state);
      }
      if (random.next() < 0.98) continue;
      const next = new PlatformSeries(1, structuredClone(series.groups));
      for (const standing of series.standings) {
        const name = seriesName(standing);
        next.restore({ standing, detector: detectors.get(name) ?? null, points: rings.get(name) ?? null });
      }
      series = next;
    }
    expect(found).toEqual(wanted);
    expect(series.standings).toEqual(whole.standings);
  });
});
