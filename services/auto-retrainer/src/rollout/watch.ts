import { hash32 } from '@liminal/shared/contracts/hash32';
import type { PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import type { ServingCounts } from '@liminal/shared/contracts/serving-counts';
import { alarmRate } from '../drift/alarm-rate.ts';

/** What a release that was just promoted does. Bounded. */
export interface WatchState {
  release: string;
  /** Hashes of the users that were seen, and how many vectors of each. */
  users: number[];
  vectors: number[];
  /** 1 where the vector by which a user counts has alarmed: one of his, all with the same chance. */
  alarmed: number[];
  /** When the watch began, ms since the epoch. */
  sinceMs: number;
  /** Predictions by this release, and by others once there was time to take this one up. */
  rows: number;
  rowsOfOthers: number;
  /** For how long vectors wait for the predictor, now and when the release was promoted. */
  lagMs: number;
  lagBeforeMs: number;
  /** What has failed, now and when the release was promoted: it may have served before. */
  failures: ServingCounts;
  failuresBefore: ServingCounts;
}

export interface WatchVerdict {
  /** Why it has to go; null while it may stay. */
  breach: string | null;
  /** Whether enough users were seen to say anything. */
  hasSeenEnough: boolean;
  /** Whether it makes the predictions, as far as there are any. */
  isTakenUp: boolean;
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
/** Probability of a bound on the alarm rate that does not hold: it is looked at again with every user. */
const TAIL = 0.001;
const LAG_FACTOR = 3;
const FEWEST_USERS = 20;
const MOST_USERS = 10_000;
/** A batch that could not be scored comes again and again: so many times are no chance. */
const MOST_FAILED_RUNS = 4;
/** Most anomalies without explanation, from so many on. */
const FEWEST_UNEXPLAINED = 5;

export const newWatch = (
  release: string,
  { lagMs, failures, sinceMs }: Pick<WatchState, 'lagMs' | 'failures' | 'sinceMs'>,
): WatchState => ({
  release,
  sinceMs,
  users: [],
  vectors: [],
  alarmed: [],
  rows: 0,
  rowsOfOthers: 0,
  lagMs,
  lagBeforeMs: lagMs,
  failures,
  failuresBefore: failures,
});

/** Takes what was predicted since the promotion. */
export function watchRecords(
  watch: WatchState,
  records: readonly PredictionRecord[],
  { anomalyAlertRate, watchTakeUpMs }: Pick<WatchLimits, 'anomalyAlertRate' | 'watchTakeUpMs'>,
): void {
  const places = new Map(watch.users.map((user, place) => [user, place]));
  for (const { user, ts, release, pValue, scoredAt } of records) {
    if (release !== watch.release) {
      if (scoredAt >= watch.sinceMs + watchTakeUpMs) watch.rowsOfOthers++;
      continue;
    }
    watch.rows++;
    const hash = hash32(user);
    let place = places.get(hash);
    if (place === undefined) {
      if (watch.users.length === MOST_USERS) continue;
      place = watch.users.push(hash) - 1;
      places.set(hash, place);
    }
    const vectors = (watch.vectors[place] ?? 0) + 1;
    watch.vectors[place] = vectors;
    // The k-th takes the place of the one before with a chance of 1/k. First vectors alone would say too little: sessions begin
    // quietly.
    if (hash32(`watch ${user} ${ts}`) % vectors === 0) watch.alarmed[place] = pValue <= anomalyAlertRate ? 1 : 0;
  }
}

export function watchVerdict(watch: WatchState | null, limits: WatchLimits): WatchVerdict {
  if (watch === null) return { breach: null, hasSeenEnough: false, isTakenUp: true, because: 'nothing seen yet' };
  const { users, rows, rowsOfOthers } = watch;
  return {
    breach: notTakenUp(watch, limits) ?? tooManyAlarms(watch, limits) ?? tooSlow(watch, limits) ?? failing(watch),
    hasSeenEnough: users.length >= FEWEST_USERS,
    isTakenUp: rows > 0 || rowsOfOthers === 0,
    because: alarmsOf(watch),
  };
}

/** Also where one of several predictors goes on with another release. */
function notTakenUp({ rows, rowsOfOthers }: WatchState, { watchRows, watchTakeUpMs }: WatchLimits): string | null {
  if (rowsOfOthers < Math.max(watchRows, rows)) return null;
  return `not taken up by the predictor after ${watchTakeUpMs / 1000} s and ${rowsOfOthers} predictions`;
}

/** Each user counts once, so that one attacker is no breach; the bound is Clopper and Pearson's. */
function tooManyAlarms(watch: WatchState, { anomalyAlertRate }: WatchLimits): string | null {
  const { users } = watch;
  if (users.length < FEWEST_USERS) return null;
  if (alarmRate(countAlarms(watch), users.length, TAIL).low <= ALARM_FACTOR * anomalyAlertRate) return null;
  const allowed = (100 * ALARM_FACTOR * anomalyAlertRate).toFixed(1);
  return `${alarmsOf(watch)}: surely more than ${allowed}%`;
}

const countAlarms = ({ alarmed }: WatchState): number => alarmed.reduce((sum, isAlarm) => sum + isAlarm, 0);

const alarmsOf = (watch: WatchState): string =>
  `${countAlarms(watch)} of ${watch.users.length} users alarmed at a vector of theirs drawn at random`;

function tooSlow({ lagMs, lagBeforeMs }: WatchState, { watchLagMs }: WatchLimits): string | null {
  if (lagMs <= Math.max(watchLagMs, LAG_FACTOR * lagBeforeMs)) return null;
  return `the predictor is ${Math.round(lagMs / 1000)} s behind`;
}

function failing({ failures, failuresBefore }: WatchState): string | null {
  const failedRuns = failures.failedRuns - failuresBefore.failedRuns;
  const explained = failures.explained - failuresBefore.explained;
  const unexplained = failures.unexplained - failuresBefore.unexplained;
  if (failedRuns > MOST_FAILED_RUNS) return `vectors could not be scored ${failedRuns} times`;
  if (unexplained < FEWEST_UNEXPLAINED || unexplained <= explained) return null;
  return `${unexplained} of ${explained + unexplained} anomalies could not be explained`;
}
