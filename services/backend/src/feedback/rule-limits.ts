import type { FeatureName } from '@liminal/shared/contracts/feature-vector';
import {
  type FeatureRange,
  isInForce,
  MAX_SUPPRESSIONS,
  matcherOf,
  type Suppression,
  type SuppressionMatch,
} from '@liminal/shared/contracts/suppression';
import type { ERRORS } from '../errors.ts';
import type { JudgedAlarm } from './judged-alarms.ts';

/** Alarms that a new rule is tried on. */
export interface RecentAlarm {
  id: string;
  user: string;
  ts: number;
  values: ArrayLike<number>;
}

/** What a rule would have done. */
export interface Coverage {
  /** Recent alarms, and how many of them it would have held back. */
  alarms: number;
  held: number;
  /** Users with recent alarms, and how many of them would have had one less. */
  users: number;
  usersHeld: number;
  /** Ids of the newest that it would have held back. */
  examples: string[];
  /** Ids of what it would have held back although analysts have confirmed it. */
  confirmed: string[];
}

export interface Refusal {
  code: keyof typeof ERRORS;
  fields: Record<string, unknown>;
}

const DAY_MS = 86_400_000;
const EXAMPLES = 5;
/** A rule without features holds back everything of a user, an attack too. */
const MUTED_USER_DAYS = 7;
/** A rule for everybody must leave half of the users with alarms alone, once there are so many that this says something. */
const FEWEST_USERS = 20;
const MOST_USERS_SHARE = 0.5;

/** What values a feature can have at all: a range that takes them all in is no condition. */
const DOMAIN: Record<FeatureName, [lowest: number, highest: number]> = {
  requests_per_user: [0, Number.POSITIVE_INFINITY],
  burstiness_score: [-1, 1],
  ip_entropy: [0, Number.POSITIVE_INFINITY],
  channel_activity: [0, Number.POSITIVE_INFINITY],
  predicted_user_load: [0, Number.POSITIVE_INFINITY],
  login_intervals: [0, Number.POSITIVE_INFINITY],
  jwt_usage_patterns: [0, Number.POSITIVE_INFINITY],
};

export function coverageOf(
  match: SuppressionMatch,
  recent: readonly RecentAlarm[],
  judged: readonly JudgedAlarm[],
): Coverage {
  // What it would have done had it been there.
  const always = matcherOf({ ...match, fromTs: null, untilTs: Number.POSITIVE_INFINITY });
  const held = recent.filter((alarm) => always.matches(alarm));
  const confirmed = judged.filter(
    ({ verdict, vector }) => verdict === 'true_positive' && vector !== undefined && always.matches(vector),
  );
  return {
    alarms: recent.length,
    held: held.length,
    users: new Set(recent.map(({ user }) => user)).size,
    usersHeld: new Set(held.map(({ user }) => user)).size,
    examples: held.slice(0, EXAMPLES).map(({ id }) => id),
    confirmed: confirmed.map(({ anomaly }) => anomaly),
  };
}

/** Why there must be no such rule; undefined where there may be. */
export function refusalOf(
  match: SuppressionMatch,
  coverage: Coverage,
  { now, maxDays, rules }: { now: number; maxDays: number; rules: readonly Suppression[] },
): Refusal | undefined {
  const ranges = Object.entries(match.features) as [FeatureName, FeatureRange][];
  const isNarrow = ranges.some(([name, range]) => narrows(name, range));
  if (match.user === null && !isNarrow) {
    return {
      code: 'LIMINAL_ERR_SUPPRESSION_TOO_BROAD',
      fields: { because: 'it names neither a user nor a limit of a feature' },
    };
  }
  const days = isNarrow ? maxDays : Math.min(maxDays, MUTED_USER_DAYS);
  const expiry = expiryRefusal(match.untilTs, now, days);
  if (expiry !== undefined) return expiry;
  if (match.fromTs !== null && match.fromTs >= match.untilTs) {
    return { code: 'LIMINAL_ERR_SUPPRESSION_EXPIRY', fields: { because: 'it would be over before it begins', days } };
  }
  const { users, usersHeld, confirmed } = coverage;
  if (match.user === null && users >= FEWEST_USERS && usersHeld > MOST_USERS_SHARE * users) {
    const because = `it would have held back alarms of ${usersHeld} of the ${users} users with recent ones`;
    return { code: 'LIMINAL_ERR_SUPPRESSION_TOO_BROAD', fields: { because } };
  }
  if (confirmed.length > 0) {
    return { code: 'LIMINAL_ERR_SUPPRESSION_CONFIRMED', fields: { count: confirmed.length, anomaly: confirmed[0] } };
  }
  if (rules.filter((rule) => isInForce(rule, now)).length >= MAX_SUPPRESSIONS) {
    return { code: 'LIMINAL_ERR_SUPPRESSION_TOO_MANY', fields: { limit: MAX_SUPPRESSIONS } };
  }
  return undefined;
}

export function expiryRefusal(untilTs: number, now: number, days: number): Refusal | undefined {
  const because =
    untilTs <= now
      ? 'it would be over already'
      : untilTs > now + days * DAY_MS
        ? 'it would last for longer'
        : undefined;
  return because === undefined ? undefined : { code: 'LIMINAL_ERR_SUPPRESSION_EXPIRY', fields: { because, days } };
}

function narrows(name: FeatureName, { min, max, missing }: FeatureRange): boolean {
  const [lowest, highest] = DOMAIN[name];
  if (min === undefined && max === undefined) return missing;
  return (min !== undefined && min > lowest) || (max !== undefined && max < highest);
}
