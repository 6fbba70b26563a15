import { createHash } from 'node:crypto';
import { severitySchema } from '@liminal/shared/contracts/prediction';
import { VERDICTS, type Verdict } from '@liminal/shared/contracts/verdict';
import { z } from 'zod';
import { added, type DecayedSum, valueAt } from './decayed-sum.ts';
import { HALF_LIFE_MS } from './evidence.ts';
import { type Group, groupName, INCIDENT_KINDS, LEAST_USERS } from './groups.ts';

/** An anomaly joins the incident of its group that is at most so far from it, in event time. */
export const WINDOW_MS = 30 * 60_000;
/** An incident that goes on for longer is followed by another one. */
export const LONGEST_MS = 24 * 3_600_000;
/** Users and judged anomalies that are kept by name. */
const MOST_NAMES = 200;

const sumSchema = z.object({ amount: z.number(), at: z.number() });

/** As it lies in Redis. Times are event time in ms. */
export const incidentSchema = z.object({
  v: z.literal(1),
  id: z.string(),
  kind: z.enum(INCIDENT_KINDS),
  key: z.string(),
  firstTs: z.number(),
  lastTs: z.number(),
  anomalies: z.int(),
  severities: z.partialRecord(severitySchema, z.int()),
  /** The first ones. */
  users: z.array(z.string()),
  /** Whether there are more than `users` has. */
  hasMoreUsers: z.boolean(),
  /** All that came, whatever was said of it since. */
  evidence: sumSchema,
  /** What the group gathers all the time, at `evidence.at`. */
  usual: z.number(),
  /** The last verdict on each anomaly that was judged. */
  judged: z.record(z.string(), z.object({ verdict: z.enum(VERDICTS), evidence: z.number(), ts: z.number() })),
});
export type Incident = z.infer<typeof incidentSchema>;

/** What an anomaly adds to the incidents of its groups. */
export interface Contribution {
  anomaly: string;
  user: string;
  ts: number;
  severity: 'warning' | 'critical' | 'none';
  evidence: number;
}

export function openIncident({ kind, key }: Group, first: Contribution): Incident {
  const id = createHash('sha256')
    .update(JSON.stringify([kind, key, first.anomaly]))
    .digest('base64url')
    .slice(0, 20);
  const { ts } = first;
  const none = { amount: 0, at: ts };
  const numbers = { firstTs: ts, lastTs: ts, anomalies: 0, severities: {}, evidence: none, usual: 0 };
  return joined({ v: 1, id, kind, key, ...numbers, users: [], hasMoreUsers: false, judged: {} }, first);
}

/** Whether an anomaly of the incident's group belongs to it. */
export function belongsTo({ firstTs, lastTs }: Incident, { ts }: Contribution): boolean {
  const isNear = ts >= firstTs - WINDOW_MS && ts <= lastTs + WINDOW_MS;
  return isNear && Math.max(lastTs, ts) - Math.min(firstTs, ts) <= LONGEST_MS;
}

export function joined(incident: Incident, { user, ts, severity, evidence }: Contribution): Incident {
  const { users, severities } = incident;
  const isNewUser = !users.includes(user);
  const hasRoom = users.length < MOST_NAMES;
  return {
    ...incident,
    firstTs: Math.min(incident.firstTs, ts),
    lastTs: Math.max(incident.lastTs, ts),
    anomalies: incident.anomalies + 1,
    severities: { ...severities, [severity]: (severities[severity] ?? 0) + 1 },
    users: isNewUser && hasRoom ? [...users, user] : users,
    hasMoreUsers: incident.hasMoreUsers || (isNewUser && !hasRoom),
    evidence: added(incident.evidence, evidence, ts, HALF_LIFE_MS),
  };
}

/** After a verdict on one of its anomalies. Beyond the most that are kept by name verdicts change nothing. */
export function judged(
  incident: Incident,
  { anomaly, ts, evidence }: Contribution,
  verdict: Verdict['verdict'],
): Incident {
  const { judged } = incident;
  if (!(anomaly in judged) && Object.keys(judged).length >= MOST_NAMES) return incident;
  return { ...incident, judged: { ...judged, [anomaly]: { verdict, evidence, ts } } };
}

/** A false alarm, and what was known beforehand, is no evidence of anything. */
const isDismissed = (verdict: Verdict['verdict']): boolean => verdict === 'false_positive' || verdict === 'expected';

/** What counts: the evidence without what was dismissed, above what is usual. Never below 0. */
export function standingEvidence({ evidence, usual, judged, anomalies }: Incident): DecayedSum {
  const { at } = evidence;
  const dismissed = Object.values(judged).filter(({ verdict }) => isDismissed(verdict));
  // Of sums and differences of rounded numbers something would remain.
  if (dismissed.length === anomalies) return { amount: 0, at };
  const gone = dismissed.reduce(
    (sum, part) => sum + valueAt({ amount: part.evidence, at: part.ts }, at, HALF_LIFE_MS),
    0,
  );
  return { amount: Math.max(0, evidence.amount - gone - usual), at };
}

export const INCIDENT_STATES = ['open', 'confirmed', 'dismissed'] as const;

/** `confirmed`: one of its anomalies was a right alarm; `dismissed`: all of them were false or expected. */
export function stateOf({ judged, anomalies }: Incident): (typeof INCIDENT_STATES)[number] {
  const verdicts = Object.values(judged).map(({ verdict }) => verdict);
  if (verdicts.includes('true_positive')) return 'confirmed';
  return verdicts.filter(isDismissed).length === anomalies ? 'dismissed' : 'open';
}

/** Whether it is more than what the incidents of single users say. */
export const isShown = ({ kind, users }: Incident): boolean => users.length >= LEAST_USERS[kind];

export const nameOf = (incident: Incident): string => groupName(incident);
