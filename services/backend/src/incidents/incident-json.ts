import { SEVERITIES } from '@liminal/shared/contracts/prediction';
import { z } from 'zod';
import { valueAt } from './decayed-sum.ts';
import { HALF_LIFE_MS, riskAt } from './evidence.ts';
import { INCIDENT_KINDS } from './groups.ts';
import { INCIDENT_STATES, type Incident, LONGEST_MS, standingEvidence, stateOf, WINDOW_MS } from './incident.ts';

export const listedIncidentSchema = z.object({
  id: z.string().describe('The same for the same anomalies, whatever was restarted in between'),
  kind: z.enum(INCIDENT_KINDS).describe('What its anomalies have in common'),
  key: z.string().describe('The user, the IP, or what the scenario looks like: its dominant features and their side'),
  risk: z.number().describe('0 to 100, now: rises with evidence, falls by time and with what was dismissed'),
  evidence: z
    .number()
    .describe('Now: decades of p-values, halved every hour, above what is usual, without what was dismissed'),
  state: z
    .enum(INCIDENT_STATES)
    .describe('confirmed: an anomaly of it was a right alarm; dismissed: all were false or expected; else open'),
  firstTs: z.int().describe('Event time of its first anomaly, ms since the epoch'),
  lastTs: z
    .int()
    .describe(
      `Of its last one. An anomaly within ${WINDOW_MS / 60_000} min joins, up to ${LONGEST_MS / 3_600_000} h in all`,
    ),
  anomalies: z.int(),
  severity: z.enum(SEVERITIES).describe('The highest of its anomalies'),
  critical: z.int().describe('How many of them are critical'),
  judged: z.int().describe('How many of them somebody has judged, up to 200'),
  users: z.array(z.string()).describe('Up to 200'),
  hasMoreUsers: z.boolean(),
});

export function toListedIncident(incident: Incident, now: number): z.infer<typeof listedIncidentSchema> {
  const { id, kind, key, firstTs, lastTs, anomalies, severities, users, hasMoreUsers, judged } = incident;
  const evidence = standingEvidence(incident);
  const severity = SEVERITIES.findLast((one) => (severities[one] ?? 0) > 0) ?? 'none';
  return {
    id,
    kind,
    key,
    risk: riskAt(evidence, now),
    evidence: valueAt(evidence, now, HALF_LIFE_MS),
    state: stateOf(incident),
    firstTs,
    lastTs,
    anomalies,
    severity,
    critical: severities.critical ?? 0,
    judged: Object.keys(judged).length,
    users,
    hasMoreUsers,
  };
}
