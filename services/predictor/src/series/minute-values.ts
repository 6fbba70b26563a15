import { OTHER_GROUPS } from '@liminal/shared/contracts/platform-minutes';
import type { SeriesIdentity } from '@liminal/shared/contracts/series';
import { durationQuantile } from '@liminal/shared/platform-watch/duration-buckets';
import { type ChannelTotals, type PlatformMinute, type RouteTotals, sumRoutes } from './minute-merge.ts';

/**
 * Good ones that a ratio counts beside those that were: with few events a single bad one says little. At a hundred events the
 * ratio is that of the events but for 5%.
 */
export const PRIOR_EVENTS = 5;

/** Value of one series in one minute. */
export interface SeriesValue extends SeriesIdentity {
  /** Tells the series apart in a metric, however the groups change: bounded by the number of places. */
  label: string;
  value: number;
  /** Whether the series may begin with this value: one of other groups begins when there are any. */
  begins: boolean;
}

interface Tracked {
  group: string;
  place: number;
}

/** The values of all series in a minute: those of the platform, of each tracked group, and of all other groups together. */
export function minuteValues(
  minute: PlatformMinute,
  tracked: { routes: readonly Tracked[]; channels: readonly Tracked[] },
): SeriesValue[] {
  return [
    ...platformValues(minute),
    ...tracked.routes.flatMap(({ group, place }) => routeValues(minute.routes.get(group), group, `route-${place}`)),
    ...routeValues(sumRoutes(others(minute.routes, tracked.routes)), null, 'other-routes'),
    ...tracked.channels.flatMap(({ group, place }) =>
      channelValues(minute.channels.get(group), group, `channel-${place}`),
    ),
    ...channelValues(sumChannels(others(minute.channels, tracked.channels)), null, 'other-channels'),
  ];
}

/** Events by group, without those of groups that have no name. */
export function eventsByGroup<T>(groups: ReadonlyMap<string, T>, events: (of: T) => number): Map<string, number> {
  const named = [...groups].filter(([group]) => group !== OTHER_GROUPS);
  return new Map(named.map(([group, of]) => [group, events(of)]));
}

function platformValues(minute: PlatformMinute): SeriesValue[] {
  const { requests, errors, durations } = sumRoutes(minute.routes.values());
  const values = [
    ['requests', requests],
    ['active_users', minute.users],
    ['logins', minute.logins],
    ['failed_login_ratio', ratio(minute.failedLogins, minute.logins)],
    ['token_refreshes', minute.tokenRefreshes],
    ['channel_events', sumChannels(minute.channels.values()).events],
    ['error_ratio', ratio(errors, requests)],
    ['p95_duration', durationQuantile(durations, 0.95)],
  ] as const;
  return values.map(([measure, value]) => ({
    measure,
    scope: 'platform',
    group: null,
    label: measure,
    value,
    begins: true,
  }));
}

const NO_REQUESTS = sumRoutes([]);

function routeValues(totals: RouteTotals = NO_REQUESTS, group: string | null, place: string): SeriesValue[] {
  const { requests, errors, users, durations } = totals;
  const values = [
    ['requests', requests],
    ['active_users', users],
    ['error_ratio', ratio(errors, requests)],
    ['p95_duration', durationQuantile(durations, 0.95)],
  ] as const;
  const begins = group !== null || requests > 0;
  return values.map(([measure, value]) => {
    return { measure, scope: 'route', group, label: `${measure}@${place}`, value, begins };
  });
}

function channelValues(
  { events, users }: ChannelTotals = { events: 0, users: 0 },
  group: string | null,
  place: string,
): SeriesValue[] {
  const values = [
    ['channel_events', events],
    ['active_users', users],
  ] as const;
  const begins = group !== null || events > 0;
  return values.map(([measure, value]) => {
    return { measure, scope: 'channel', group, label: `${measure}@${place}`, value, begins };
  });
}

export const ratio = (bad: number, all: number): number => bad / (all + PRIOR_EVENTS);

function* others<T>(groups: ReadonlyMap<string, T>, tracked: readonly Tracked[]): Generator<T> {
  const names = new Set(tracked.map(({ group }) => group));
  for (const [group, of] of groups) if (!names.has(group)) yield of;
}

function sumChannels(channels: Iterable<ChannelTotals>): ChannelTotals {
  const sum = { events: 0, users: 0 };
  for (const { events, users } of channels) {
    sum.events += events;
    sum.users += users;
  }
  return sum;
}
