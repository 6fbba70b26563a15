import { LeaseLostError } from '@liminal/shared/adapters/stream-worker';
import {
  anomaliesKey,
  cursorKey,
  fenceKey,
  incidentAgesKey,
  incidentAnomaliesKey,
  incidentGroupKey,
  incidentIndexKey,
  incidentIndexOrderKey,
  incidentKey,
  incidentRanksKey,
  verdictsKey,
} from '@liminal/shared/contracts/keys';
import type { ChainableCommander, Redis } from 'ioredis';
import { rankOf } from './evidence.ts';
import { type Group, groupName } from './groups.ts';
import { type Incident, incidentSchema, isShown, standingEvidence } from './incident.ts';
import { type GroupState, groupStateSchema } from './incident-fold.ts';

/** All work on incidents is one partition: whoever holds it writes, the others read. */
const PARTITION = 0;
/** After so long without a change an incident is forgotten. */
export const INCIDENT_TTL_SECONDS = 14 * 86_400;
const MOST_INCIDENTS = 20_000;
/** As many as the stream of anomalies keeps, and what it keeps beyond that until it trims. */
const MOST_INDEXED = 110_000;
/** Stream ids that are kept of the newest anomalies of an incident. */
export const MOST_LISTED = 200;
const FORGOTTEN_AT_ONCE = 200;

/** How far incidents follow the streams. */
export interface IncidentCursor {
  /** Stream ids. */
  anomalies: string;
  verdicts: string;
  /** Event time of the first anomaly of all; undefined before there was one. */
  since: number | undefined;
}

/** What one commit changes. */
export interface IncidentChanges {
  cursor: IncidentCursor;
  groups: ReadonlyMap<string, GroupState>;
  incidents: ReadonlyMap<string, Incident>;
  /** New anomalies, oldest first. */
  indexed: readonly { anomaly: string; position: string; incidents: readonly string[] }[];
}

/** Where an anomaly is: its stream id, and the incidents that it belongs to. */
export interface IndexedAnomaly {
  position: string;
  incidents: string[];
}

/** Incidents in Redis: anybody reads, and who holds the newest fencing token writes. */
export class IncidentStore {
  readonly #redis: Redis;
  readonly #now: () => number;

  /** `redis`: a connection of its own, since a commit watches keys on it. */
  constructor(redis: Redis, now: () => number) {
    this.#redis = redis;
    this.#now = now;
  }

  async readCursor(): Promise<IncidentCursor> {
    const { anomalies, verdicts, since } = await this.#redis.hgetall(cursorKey('incidents', PARTITION));
    return {
      anomalies: anomalies ?? '0-0',
      verdicts: verdicts ?? '0-0',
      since: since === undefined ? undefined : Number(since),
    };
  }

  async readGroups(groups: readonly Group[]): Promise<Map<string, GroupState>> {
    const names = [...new Set(groups.map(groupName))];
    const texts = names.length === 0 ? [] : await this.#redis.mget(names.map(incidentGroupKey));
    return new Map(
      names.flatMap((name, index) => {
        const text = texts[index];
        return typeof text === 'string' ? [[name, groupStateSchema.parse(JSON.parse(text))]] : [];
      }),
    );
  }

  readIncidents(ids: Iterable<string>): Promise<Map<string, Incident>> {
    return readIncidents(this.#redis, ids);
  }

  /**
   * Writes all of it or nothing. Throws `LeaseLostError` when another replica writes now, or somebody has moved the
   * cursor since it was read.
   */
  async commit(fence: number, before: IncidentCursor, changes: IncidentChanges): Promise<void> {
    const [fences, cursors] = [fenceKey('incidents', PARTITION), cursorKey('incidents', PARTITION)];
    await this.#redis.watch(fences, cursors);
    const [held, stored] = await Promise.all([this.#redis.get(fences), this.readCursor()]);
    if (held !== String(fence) || stored.anomalies !== before.anomalies || stored.verdicts !== before.verdicts) {
      await this.#redis.unwatch();
      throw new LeaseLostError(PARTITION);
    }
    const replies = await this.#write(changes).exec();
    if (replies === null) throw new LeaseLostError(PARTITION);
    for (const [error] of replies) if (error !== null) throw error;
  }

  /** Forgets what is old or too much, a bounded number at a time. Returns how many there are. */
  async forgetOld(): Promise<number> {
    const oldest = this.#now() - INCIDENT_TTL_SECONDS * 1_000;
    const count = await this.#redis.zcard(incidentAgesKey);
    const excess = Math.min(Math.max(0, count - MOST_INCIDENTS), FORGOTTEN_AT_ONCE);
    const [expired, surplus] = await Promise.all([
      this.#redis.zrangebyscore(incidentAgesKey, '-inf', String(oldest), 'LIMIT', 0, FORGOTTEN_AT_ONCE),
      excess === 0 ? [] : this.#redis.zrange(incidentAgesKey, '0', String(excess - 1)),
    ]);
    const gone = [...new Set([...expired, ...surplus])];
    if (gone.length === 0) return count;
    const multi = this.#redis.multi().zrem(incidentAgesKey, gone).zrem(incidentRanksKey, gone);
    await multi.del(gone.flatMap((id) => [incidentKey(id), incidentAnomaliesKey(id)])).exec();
    return count - gone.length;
  }

  #write({ cursor, groups, incidents, indexed }: IncidentChanges): ChainableCommander {
    const multi = this.#redis.multi();
    const { anomalies, verdicts, since } = cursor;
    multi.hset(cursorKey('incidents', PARTITION), { anomalies, verdicts, ...(since !== undefined && { since }) });
    for (const [name, state] of groups) {
      multi.set(incidentGroupKey(name), JSON.stringify(state), 'EX', INCIDENT_TTL_SECONDS);
    }
    for (const [id, incident] of incidents) {
      multi.set(incidentKey(id), JSON.stringify(incident), 'EX', INCIDENT_TTL_SECONDS);
      multi.zadd(incidentAgesKey, this.#now(), id);
      if (isShown(incident)) multi.zadd(incidentRanksKey, rankOf(standingEvidence(incident)), id);
    }
    for (const { anomaly, position, incidents: of } of indexed) {
      multi.hset(incidentIndexKey, anomaly, [position, ...of].join(' ')).rpush(incidentIndexOrderKey, anomaly);
      for (const id of of) {
        multi.rpush(incidentAnomaliesKey(id), position).ltrim(incidentAnomaliesKey(id), -MOST_LISTED, -1);
        multi.expire(incidentAnomaliesKey(id), INCIDENT_TTL_SECONDS);
      }
    }
    return multi;
  }

  /** Keeps the index as long as the stream. */
  async trimIndex(): Promise<void> {
    const excess = (await this.#redis.llen(incidentIndexOrderKey)) - MOST_INDEXED;
    if (excess <= 0) return;
    const oldest = await this.#redis.lrange(incidentIndexOrderKey, 0, excess - 1);
    await this.#redis
      .multi()
      .hdel(incidentIndexKey, ...oldest)
      .ltrim(incidentIndexOrderKey, excess, -1)
      .exec();
  }

  /** Where anomalies are; those that are not there were never taken in, or are kept no longer. */
  readIndex(anomalies: readonly string[]): Promise<Map<string, IndexedAnomaly>> {
    return readIndex(this.#redis, anomalies);
  }

  /** Stream ids of the newest anomaly and the newest verdict. */
  async readEnds(): Promise<{ anomalies: string; verdicts: string }> {
    const [anomalies, verdicts] = await Promise.all(
      [anomaliesKey, verdictsKey].map((key) => this.#redis.xrevrange(key, '+', '-', 'COUNT', 1)),
    );
    return { anomalies: anomalies?.[0]?.[0] ?? '0-0', verdicts: verdicts?.[0]?.[0] ?? '0-0' };
  }
}

/** Those of the ids that are still kept. Throws on what this version can't have written. */
export async function readIncidents(redis: Redis, ids: Iterable<string>): Promise<Map<string, Incident>> {
  const wanted = [...new Set(ids)];
  const texts = wanted.length === 0 ? [] : await redis.mget(wanted.map(incidentKey));
  return new Map(
    texts.flatMap((text) => {
      if (text === null) return [];
      const incident = incidentSchema.parse(JSON.parse(text));
      return [[incident.id, incident]];
    }),
  );
}

export async function readIndex(redis: Redis, anomalies: readonly string[]): Promise<Map<string, IndexedAnomaly>> {
  const texts = anomalies.length === 0 ? [] : await redis.hmget(incidentIndexKey, ...anomalies);
  return new Map(
    anomalies.flatMap((anomaly, index) => {
      const [position, ...incidents] = texts[index]?.split(' ') ?? [];
      return position === undefined ? [] : [[anomaly, { position, incidents }]];
    }),
  );
}
