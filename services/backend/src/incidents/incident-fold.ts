import { z } from 'zod';
import { added } from './decayed-sum.ts';
import { USUAL_HALF_LIFE_MS, usualEvidence } from './evidence.ts';
import type { Group } from './groups.ts';
import { belongsTo, type Contribution, type Incident, joined, openIncident } from './incident.ts';

/** What is remembered of a group: its newest incident, and its evidence in the long run. */
export const groupStateSchema = z.object({
  v: z.literal(1),
  incident: z.string(),
  longRun: z.object({ amount: z.number(), at: z.number() }),
});
export type GroupState = z.infer<typeof groupStateSchema>;

export interface GroupBefore {
  state: GroupState;
  /** The one that `state` names; undefined where it is kept no longer. */
  incident: Incident | undefined;
}

export interface GroupAfter {
  state: GroupState;
  /** The one that the anomaly joined. */
  incident: Incident;
}

/**
 * Takes an anomaly into the newest incident of one of its groups, or into a new one: a pure function of what was before, so
 * that the same anomalies in the same order make the same incidents. `since`: event time of the first anomaly of all.
 */
export function foldIntoGroup(
  group: Group,
  before: GroupBefore | undefined,
  contribution: Contribution,
  since: number,
): GroupAfter {
  const { evidence, ts } = contribution;
  const newest = before?.incident;
  // What is usual is what was so before.
  const usual = group.kind === 'user' ? 0 : usualEvidence(before?.state.longRun, since, ts);
  const longRun = added(before?.state.longRun, evidence, ts, USUAL_HALF_LIFE_MS);
  const continues = newest !== undefined && belongsTo(newest, contribution);
  const incident = { ...(continues ? joined(newest, contribution) : openIncident(group, contribution)), usual };
  // An anomaly that comes late by more than the window makes an incident of the past.
  const isNewest = newest === undefined || incident.lastTs >= newest.lastTs;
  return { state: { v: 1, incident: isNewest ? incident.id : newest.id, longRun }, incident };
}
