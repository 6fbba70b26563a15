import { eventTimeMs } from '@liminal/shared/contracts/event';
import { MINUTE_MS } from '@liminal/shared/contracts/feature-vector';
import { MEASURES, type Measure } from '@liminal/shared/contracts/series';
import { DURATION_BUCKETS, durationBucket, durationQuantile } from '@liminal/shared/platform-watch/duration-buckets';
import { Random } from '@liminal/shared/runtime/random';
import { normalTraffic } from '@liminal/simulator/traffic';
import { ratio } from '../../services/predictor/src/series/minute-values.ts';

export const DAY_MINUTES = 1_440;
/** A Monday. */
const START_MS = Date.UTC(2026, 2, 2);

export const COUNTS: readonly Measure[] = ['requests', 'active_users', 'logins', 'token_refreshes', 'channel_events'];

/** Values a minute, from the first one on; NaN = not observed. */
export type PlatformSeries = Record<Measure, Float64Array>;

/**
 * The series of a platform on which nothing is wrong: the simulator's traffic, minute by minute. Servers of the simulator never
 * fail, so that a share of the answers is made an error here: 2 of 1,000.
 */
export function platformSeries({ seed, users, days }: { seed: number; users: number; days: number }): PlatformSeries {
  const minutes = days * DAY_MINUTES;
  const series = Object.fromEntries(MEASURES.map((measure) => [measure, new Float64Array(minutes)])) as PlatformSeries;
  const random = new Random(seed);
  const failedLogins = new Float64Array(minutes);
  const errors = new Float64Array(minutes);
  const activeUsers = Array.from({ length: minutes }, () => new Set<string>());
  const durations = Array.from({ length: minutes }, (): number[] => []);
  const traffic = normalTraffic({ seed, users, startMs: START_MS, endMs: START_MS + minutes * MINUTE_MS });
  for (const event of traffic) {
    const minute = Math.floor((eventTimeMs(event) - START_MS) / MINUTE_MS);
    activeUsers[minute]!.add(event.user);
    if (event.kind === 'request') {
      series.requests[minute]! += 1;
      durations[minute]!.push(event.durationMs);
      if (random.next() < ERROR_SHARE) errors[minute]! += 1;
    } else if (event.kind === 'login') {
      series.logins[minute]! += 1;
      if (!event.success) failedLogins[minute]! += 1;
    } else if (event.kind === 'channel') series.channel_events[minute]! += 1;
    else if (event.action === 'refresh') series.token_refreshes[minute]! += 1;
  }
  for (let minute = 0; minute < minutes; minute++) {
    series.active_users[minute] = activeUsers[minute]!.size;
    series.failed_login_ratio[minute] = ratio(failedLogins[minute]!, series.logins[minute]!);
    series.error_ratio[minute] = ratio(errors[minute]!, series.requests[minute]!);
    series.p95_duration[minute] = p95(durations[minute]!);
  }
  return series;
}

const ERROR_SHARE = 0.002;
/** As the watch measures it, from buckets. */
function p95(durationsMs: readonly number[]): number {
  const counts = new Uint32Array(DURATION_BUCKETS);
  for (const duration of durationsMs) counts[durationBucket(duration)]! += 1;
  return durationQuantile(counts, 0.95);
}
