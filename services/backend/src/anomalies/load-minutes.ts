import {
  FEATURE_COUNT,
  type FeatureVector,
  LOAD_HISTORY_MINUTES,
  MINUTE_MS,
} from '@liminal/shared/contracts/feature-vector';

export interface LoadMinute {
  /** Start of the minute, ms of event time. */
  ts: number;
  /** Null = the user was not known yet, or is not known of. */
  requests: number | null;
}

type Loaded = Pick<FeatureVector, 'ts' | 'values'>;

/**
 * Requests of a user in the minutes before an anomaly, and in those that came since as far as the newest vector reaches
 * back; oldest first, minutes of which neither tells are left out.
 */
export function loadMinutes(anomaly: Loaded, newest: Loaded | null): LoadMinute[] {
  const before = historyOf(anomaly);
  const last = before.at(-1)!.ts;
  const since = newest === null ? [] : historyOf(newest).filter(({ ts }) => ts > last);
  return [...before, ...since];
}

/** The whole minutes before the one of the vector. */
function historyOf({ ts, values }: Loaded): LoadMinute[] {
  const running = ts - (ts % MINUTE_MS);
  return Array.from({ length: LOAD_HISTORY_MINUTES }, (_, index) => {
    const requests = values[FEATURE_COUNT + index]!;
    const start = running - (LOAD_HISTORY_MINUTES - index) * MINUTE_MS;
    return { ts: start, requests: Number.isNaN(requests) ? null : requests };
  });
}
