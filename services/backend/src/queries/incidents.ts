import { toEntry } from '@liminal/shared/adapters/stream-worker';
import { anomaliesKey, incidentAnomaliesKey, incidentRanksKey } from '@liminal/shared/contracts/keys';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { idOf } from '../anomalies/anomaly-filter.ts';
import { rankOfRisk } from '../incidents/evidence.ts';
import type { IncidentKind } from '../incidents/groups.ts';
import { type INCIDENT_STATES, type Incident, stateOf } from '../incidents/incident.ts';
import { readIncidents } from '../incidents/incident-store.ts';
import { decode, type FoundAnomaly } from './anomalies.ts';
import { lastVerdicts } from './last-verdicts.ts';

/** Incidents that one page looks at. */
export const INCIDENT_SCAN_LIMIT = 2_000;
const STEP = 100;

export interface IncidentQuery {
  limit: number;
  kind?: IncidentKind | undefined;
  state?: (typeof INCIDENT_STATES)[number] | undefined;
  user?: string | undefined;
  ip?: string | undefined;
  minRisk?: number | undefined;
  /** Event time in ms: those that have a moment in the period, `to` left out. */
  from?: number | undefined;
  to?: number | undefined;
  /** Where the page before ended. */
  after?: IncidentPosition | undefined;
}

export interface IncidentPosition {
  rank: number;
  id: string;
}

export interface IncidentPage {
  /** The greatest risk first. */
  incidents: Incident[];
  next: IncidentPosition | null;
}

export async function findIncidents(redis: Redis, query: IncidentQuery, now: number): Promise<IncidentPage> {
  const found: Incident[] = [];
  const least = query.minRisk === undefined ? '-inf' : rankOfRisk(query.minRisk, now);
  let after = query.after;
  for (let scanned = 0; scanned < INCIDENT_SCAN_LIMIT; ) {
    const slice = await sliceAfter(redis, after, least);
    const kept = await readIncidents(
      redis,
      slice.map(({ id }) => id),
    );
    for (const position of slice) {
      after = position;
      const incident = kept.get(position.id);
      if (incident === undefined || !matches(incident, query)) continue;
      found.push(incident);
      if (found.length === query.limit) return { incidents: found, next: after };
    }
    if (slice.length < STEP) return { incidents: found, next: null };
    scanned += slice.length;
  }
  return { incidents: found, next: after ?? null };
}

/** Those that follow a position in the order of rank and, among equals, of id. */
async function sliceAfter(
  redis: Redis,
  after: IncidentPosition | undefined,
  least: number | '-inf',
): Promise<IncidentPosition[]> {
  const slice: IncidentPosition[] = [];
  const from = after?.rank ?? '+inf';
  for (let offset = 0; slice.length < STEP; offset += STEP) {
    const flat = await redis.zrevrangebyscore(incidentRanksKey, from, least, 'WITHSCORES', 'LIMIT', offset, STEP);
    for (let index = 0; index < flat.length; index += 2) {
      const position = { id: flat[index]!, rank: Number(flat[index + 1]) };
      const isBefore = after !== undefined && position.rank === after.rank && position.id >= after.id;
      if (!isBefore) slice.push(position);
    }
    if (flat.length < 2 * STEP) break;
  }
  return slice.slice(0, STEP);
}

function matches(incident: Incident, { kind, state, user, ip, from, to }: IncidentQuery): boolean {
  if (kind !== undefined && incident.kind !== kind) return false;
  if (state !== undefined && stateOf(incident) !== state) return false;
  if (user !== undefined && !incident.users.includes(user)) return false;
  if (ip !== undefined && !(incident.kind === 'ip' && incident.key === ip)) return false;
  return (from === undefined || incident.lastTs >= from) && (to === undefined || incident.firstTs < to);
}

export const findIncident = async (redis: Redis, id: string): Promise<Incident | undefined> =>
  (await readIncidents(redis, [id])).get(id);

/** The newest anomalies of an incident that are still kept, newest first. */
export async function anomaliesOf(redis: Redis, id: string, logger: Logger): Promise<FoundAnomaly[]> {
  const positions = (await redis.lrange(incidentAnomaliesKey(id), 0, -1)).reverse();
  const pipeline = redis.pipeline();
  for (const position of positions) pipeline.xrangeBuffer(anomaliesKey, position, position);
  const replies = (await pipeline.exec()) ?? [];
  const entries = replies.flatMap(([error, reply]) => {
    if (error !== null) throw error;
    return (reply as [Buffer, Buffer[]][]).map(toEntry);
  });
  const found = entries.flatMap(({ id: position, fields }) => {
    const anomaly = decode(position, fields, logger);
    return anomaly === undefined ? [] : [{ position, anomaly }];
  });
  const verdicts = await lastVerdicts(
    redis,
    found.map(({ anomaly }) => idOf(anomaly)),
  );
  return found.map((one) => ({ ...one, verdict: verdicts.get(idOf(one.anomaly)) }));
}
