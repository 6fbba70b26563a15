import { hash32 } from '@liminal/shared/contracts/hash32';
import type { PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import { alarmRate } from '../drift/alarm-rate.ts';

/** What a release that was just promoted does. Bounded. */
export interface WatchState {
  release: string;
  /** Hashes of the users that count already: each counts by the first of his vectors. */
  users: number[];
  alarms: number;
  /** When the watch began, ms since the epoch. */
  sinceMs: number;
  /** Predictions by this release, and by others once there was time to take this one up. */
  rows: number;
  rowsOfOthers: number;
  /** How far the predictor is behind, now and when the release was promoted. */
  lagMs: number;
  lagBeforeMs: number;
}

export interface WatchVerdict {
  /** Why it has to go; null while it may stay. */
  breach: string | null;
  /** Whether enough users were seen to say anything. */
  hasSeenEnough: boolean;
  because: string;
}

export interface WatchLimits {
  anomalyAlertRate: number;
  /** Predictions of others after which the release counts as not taken up. */
  watchRows: number;
  /** Time that a predictor has to load the release: what it scores by others meanwhile does not count. */
  watchTakeUpMs: number;
  watchLagMs: number;
}

/** Surely more alarms than so many times what was set. */
const ALARM_FACTOR = 3;
const LAG_FACTOR = 3;
const FEWEST_USERS = 20;
const MOST_USERS = 10_000;

export const newWatch = (release: string, lagMs: number, sinceMs: number): WatchState => ({
  release,
  sinceMs,
  users: [],
  alarms: 0,
  rows: 0,
  rowsOfOthers: 0,
  lagMs,
  lagBeforeMs: lagMs,
});

/** Takes what was predicted since the promotion. */
export function watchRecords(
  watch: WatchState,
  records: readonly PredictionRecord[],
  { anomalyAlertRate, watchTakeUpMs }: Pick<WatchLimits, 'anomalyAlertRate' | 'watchTakeUpMs'>,
): void {
  const known = new Set(watch.users);
  for (const { user, release, pValue, scoredAt } of records) {
    if (release !== watch.release) {
      if (scoredAt >= watch.sinceMs + watchTakeUpMs) watch.rowsOfOthers++;
      continue;
    }
    watch.rows++;
    const hash = hash32(user);
    if (known.has(hash) || watch.users.length === MOST_USERS) continue;
    known.add(hash);
    watch.users.push(hash);
    if (pValue <= anomalyAlertRate) watch.alarms++;
  }
}

/** Each user counts once, so that one attacker is no breach; the bound is Clopper and Pearson's of 95%. */
export function watchVerdict(watch: WatchState | null, limits: WatchLimits): WatchVerdict {
  if (watch === null) return { breach: null, hasSeenEnough: false, because: 'nothing seen yet' };
  const { users, alarms, rows, rowsOfOthers, lagMs, lagBeforeMs } = watch;
  const rate = alarmRate(alarms, users.length);
  const because = `${alarms} of ${users.length} users alarmed at their first vector`;
  const verdict = (breach: string | null): WatchVerdict => ({
    breach,
    hasSeenEnough: users.length >= FEWEST_USERS,
    because,
  });
  if (rows === 0 && rowsOfOthers >= limits.watchRows) {
    return verdict(
      `not taken up by the predictor after ${limits.watchTakeUpMs / 1000} s and ${rowsOfOthers} predictions`,
    );
  }
  if (rate.low > ALARM_FACTOR * limits.anomalyAlertRate) {
    const allowed = (100 * ALARM_FACTOR * limits.anomalyAlertRate).toFixed(1);
    return verdict(`${because}: surely more than ${allowed}%`);
  }
  if (lagMs > Math.max(limits.watchLagMs, LAG_FACTOR * lagBeforeMs)) {
    return verdict(`the predictor is ${Math.round(lagMs / 1000)} s behind`);
  }
  return verdict(null);
}
