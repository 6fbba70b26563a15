import { LOWEST_GLOBAL_FACTOR, LOWEST_USER_FACTOR, MAX_ADJUSTED_USERS } from '@liminal/shared/contracts/alarm-policy';
import type { JudgedAlarm, JudgedVector } from './judged-alarms.ts';

export interface ThresholdLimits {
  /** The operator's rate, which no adjustment goes beyond. */
  alertRate: number;
  /** Share of confirmed alarms below which everybody's rate is lowered. */
  precisionFloor: number;
  /** Judged users from which that share counts. */
  minVerdicts: number;
}

/** When analysts said that what was judged before is to count no more, ms since the epoch. */
export interface ThresholdResets {
  global: number;
  users: Record<string, number>;
}
export const NO_RESETS: ThresholdResets = { global: 0, users: {} };

export interface GlobalThreshold {
  factor: number;
  confirmed: number;
  judged: number;
  because: string;
}

export interface UserThreshold {
  user: string;
  factor: number;
  /** Times that the user was alarmed about wrongly. */
  falseEpisodes: number;
  /** When the first of them is forgotten and the factor rises, ms since the epoch. */
  untilMs: number;
  because: string;
}

export interface Thresholds {
  global: GlobalThreshold;
  /** The most lowered first. */
  users: UserThreshold[];
}

const DAY_MS = 86_400_000;
/** For so long a verdict moves a rate; then the rate rises again by itself, and is judged anew. */
export const THRESHOLD_MEMORY_MS = 30 * DAY_MS;
/** Alarms of a user with less than this between them are one finding, however many of them were judged. */
export const EPISODE_GAP_MS = 3_600_000;
const GLOBAL_FACTORS = [1, 1 / 2, LOWEST_GLOBAL_FACTOR];

type Judged = Pick<JudgedAlarm, 'verdict' | 'at'> & { vector: JudgedVector };

/**
 * By how much the alarm rate is lowered for everybody and for single users: a function of what was judged alone, never above
 * the operator's rate and never below a bound.
 *
 * - A user whose alarms were wrong on n occasions since the last right one: half the rate from the second on, a quarter
 *   from the third …, at least a tenth. Occasions are forgotten after 30 days.
 * - Everybody: the highest of the rate, half and a quarter of it at which the precision of what was judged is not below the
 *   floor. The verdicts on weaker alarms go on counting while these no longer come, so it does not swing, until they
 *   are forgotten after 30 days.
 *
 * `expected` and `unclear` move nothing: they do not say that the alarm was wrong.
 */
export function thresholdsOf(
  judged: readonly JudgedAlarm[],
  resets: ThresholdResets,
  now: number,
  limits: ThresholdLimits,
): Thresholds {
  const counting = judged.filter(
    (one): one is JudgedAlarm & Judged =>
      one.vector !== undefined &&
      one.at > now - THRESHOLD_MEMORY_MS &&
      (one.verdict === 'true_positive' || (one.verdict === 'false_positive' && one.severity !== 'none')),
  );
  return { global: globalOf(counting, resets.global, limits), users: usersOf(counting, resets.users) };
}

function globalOf(judged: readonly Judged[], resetAt: number, limits: ThresholdLimits): GlobalThreshold {
  const { alertRate, precisionFloor, minVerdicts } = limits;
  const since = judged.filter(({ at }) => at > resetAt);
  let last: GlobalThreshold | undefined;
  for (const factor of GLOBAL_FACTORS) {
    const alarms = since.filter(({ vector }) => vector.pValue <= alertRate * factor);
    // One user's hundred alarms are one finding.
    const [confirmed, wrong] = [usersWith(alarms, 'true_positive'), usersWith(alarms, 'false_positive')];
    const counts = { factor, confirmed, judged: confirmed + wrong };
    if (counts.judged < minVerdicts) {
      const few = `${counts.judged} of the ${minVerdicts} judged users that it takes to tell`;
      return { ...counts, because: last === undefined ? few : `${last.because}; at this rate ${few}` };
    }
    const because = `${confirmed} of ${counts.judged} judged users were confirmed at ${factor} of the alarm rate`;
    last = { ...counts, because };
    if (confirmed / counts.judged >= precisionFloor) return last;
  }
  return last!;
}

const usersWith = (judged: readonly Judged[], wanted: JudgedAlarm['verdict']): number =>
  new Set(judged.flatMap(({ verdict, vector }) => (verdict === wanted ? [vector.user] : []))).size;

function usersOf(judged: readonly Judged[], resets: ThresholdResets['users']): UserThreshold[] {
  const adjusted: UserThreshold[] = [];
  for (const [user, alarms] of Map.groupBy(judged, ({ vector }) => vector.user)) {
    const lastRight = alarms.reduce((at, one) => (one.verdict === 'true_positive' ? Math.max(at, one.at) : at), 0);
    const since = Math.max(lastRight, resets[user] ?? 0);
    const episodes = episodesOf(alarms.filter(({ verdict, at }) => verdict === 'false_positive' && at > since));
    if (episodes.length < 2) continue;
    adjusted.push({
      user,
      factor: Math.max(LOWEST_USER_FACTOR, 2 ** (1 - episodes.length)),
      falseEpisodes: episodes.length,
      untilMs: Math.min(...episodes) + THRESHOLD_MEMORY_MS,
      because: `${episodes.length} occasions on which the alarms of this user were wrong`,
    });
  }
  return adjusted
    .sort((left, right) => right.falseEpisodes - left.falseEpisodes || (left.user < right.user ? -1 : 1))
    .slice(0, MAX_ADJUSTED_USERS);
}

/** When each was judged last. */
function episodesOf(alarms: readonly Judged[]): number[] {
  const episodes: number[] = [];
  let lastTs = Number.NEGATIVE_INFINITY;
  for (const { vector, at } of [...alarms].sort((left, right) => left.vector.ts - right.vector.ts)) {
    if (vector.ts - lastTs > EPISODE_GAP_MS) episodes.push(at);
    else episodes.push(Math.max(episodes.pop()!, at));
    lastTs = vector.ts;
  }
  return episodes;
}
