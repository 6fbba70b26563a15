import { setTimeout as sleep } from 'node:timers/promises';
import type { PartitionGroup } from '@liminal/shared/adapters/partition-group';
import { compareStreamIds } from '@liminal/shared/adapters/stream-trim';
import { LeaseLostError, toEntry } from '@liminal/shared/adapters/stream-worker';
import { readVerdicts } from '@liminal/shared/adapters/verdict-stream';
import type { AnomalyEntry } from '@liminal/shared/contracts/anomaly-entry';
import { anomaliesKey } from '@liminal/shared/contracts/keys';
import type { Verdict } from '@liminal/shared/contracts/verdict';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { idOf, timeOf } from '../anomalies/anomaly-filter.ts';
import { contributionOf } from '../incidents/contribution.ts';
import { groupName, groupsOf } from '../incidents/groups.ts';
import { type Contribution, type Incident, judged } from '../incidents/incident.ts';
import { foldIntoGroup, type GroupState } from '../incidents/incident-fold.ts';
import type { IncidentChanges, IncidentCursor, IncidentStore } from '../incidents/incident-store.ts';
import type { Metrics } from '../metrics.ts';
import { decode } from '../queries/anomalies.ts';

const ROUND_MS = 500;
/** Anomalies of one commit: a few milliseconds of work. */
const BATCH = 50;

export interface IncidentKeeperOptions {
  redis: Redis;
  /** Of one partition: one replica keeps the incidents. */
  group: PartitionGroup;
  store: IncidentStore;
  metrics: Metrics;
  logger: Logger;
}

interface Keeping {
  fence: number;
  cursor: IncidentCursor;
}

/** What is known of a judged anomaly, from the verdict itself. */
interface Judgement {
  id: string;
  contribution: Contribution | undefined;
  verdict: Verdict['verdict'];
}

/**
 * Groups anomalies into incidents: follows the streams of anomalies and of verdicts, and commits what they change together with
 * how far it has come. One replica does so at a time, by fenced lease; whatever goes wrong, it goes on from what is
 * committed.
 */
export class IncidentKeeper {
  readonly #options: IncidentKeeperOptions;
  #keeping: Keeping | undefined;
  #isStopping = false;
  #loop: Promise<void> | undefined;
  #lastError: Error | undefined;
  readonly #awake = new AbortController();

  constructor(options: IncidentKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#awake.abort();
    await this.#loop;
  }

  /** Throws, in plain words, while it can't do its work. */
  check(): void {
    if (this.#lastError !== undefined) throw this.#lastError;
  }

  async #run(): Promise<void> {
    const { redis, group, logger } = this.#options;
    while (!this.#isStopping) {
      try {
        // That Redis is away is said by others.
        if (redis.status === 'ready') {
          await this.#rebalance();
          if (this.#keeping !== undefined) await this.#round(this.#keeping);
          this.#lastError = undefined;
        }
      } catch (error) {
        group.forget(0);
        this.#keeping = undefined;
        if (!(error instanceof LeaseLostError)) {
          this.#lastError = error instanceof Error ? error : new Error(String(error));
          logger.error({ err: error }, 'incidents could not be kept; retrying');
        }
      }
      // It rejects only because it was woken to stop.
      await sleep(ROUND_MS, undefined, { signal: this.#awake.signal }).catch(() => {});
    }
    await group.leave().catch((error: unknown) => {
      logger.error({ err: error }, 'incidents were not handed over; another replica takes over when the lease ends');
    });
  }

  async #rebalance(): Promise<void> {
    const { group, store, logger } = this.#options;
    const { gained, lost } = await group.rebalance();
    if (lost.length > 0) this.#keeping = undefined;
    const [lease] = gained;
    if (lease === undefined) return;
    this.#keeping = { fence: lease.fence, cursor: await store.readCursor() };
    logger.info({ fence: lease.fence, ...this.#keeping.cursor }, 'keeping the incidents');
  }

  /**
   * Verdicts are read first and applied last: what they are about was written before them, and so is taken in by then.
   */
  async #round(keeping: Keeping): Promise<void> {
    const { store, metrics } = this.#options;
    const { verdicts: read } = await store.readEnds();
    const judgements = await this.#readJudgements(keeping.cursor.verdicts);
    const { anomalies: end } = await store.readEnds();
    while (!this.#isStopping && compareStreamIds(keeping.cursor.anomalies, end) < 0) {
      if (!(await this.#takeAnomalies(keeping))) break;
      await this.#rebalance();
      if (this.#keeping !== keeping) return;
    }
    if (this.#isStopping) return;
    for (let start = 0; start < judgements.length; start += BATCH) {
      await this.#takeJudgements(keeping, judgements.slice(start, start + BATCH));
    }
    // What could not be read is behind it, too.
    if (compareStreamIds(keeping.cursor.verdicts, read) < 0) await this.#passVerdicts(keeping, read);
    await store.trimIndex();
    metrics.incidents.set(await store.forgetOld());
  }

  /** Whether there were any. */
  async #takeAnomalies(keeping: Keeping): Promise<boolean> {
    const { redis, logger, metrics } = this.#options;
    const raw = await redis.xrangeBuffer(anomaliesKey, `(${keeping.cursor.anomalies}`, '+', 'COUNT', BATCH);
    if (raw.length === 0) return false;
    const found = raw.map(toEntry).flatMap(({ id, fields }) => {
      const anomaly = decode(id, fields, logger);
      return anomaly === undefined ? [] : [{ position: id, anomaly }];
    });
    const cursor = { ...keeping.cursor, anomalies: raw.at(-1)![0].toString() };
    cursor.since ??= found[0] && timeOf(found[0].anomaly);
    await this.#commit(keeping, { cursor, ...(await this.#fold(found, cursor.since ?? 0)) });
    metrics.incidentAnomalies.inc(found.length);
    return true;
  }

  async #fold(
    found: readonly { position: string; anomaly: AnomalyEntry }[],
    since: number,
  ): Promise<Omit<IncidentChanges, 'cursor'>> {
    const { store } = this.#options;
    const before = await store.readGroups(found.flatMap(({ anomaly }) => groupsOf(anomaly)));
    const kept = await store.readIncidents([...before.values()].map(({ incident }) => incident));
    const groups = new Map<string, GroupState>();
    const incidents = new Map<string, Incident>();
    const indexed = found.map(({ position, anomaly }) => {
      const joined = groupsOf(anomaly).map((group) => {
        const name = groupName(group);
        const state = groups.get(name) ?? before.get(name);
        const incident = state && (incidents.get(state.incident) ?? kept.get(state.incident));
        const after = foldIntoGroup(group, state && { state, incident }, contributionOf(userOf(anomaly)), since);
        groups.set(name, after.state);
        incidents.set(after.incident.id, after.incident);
        return after.incident.id;
      });
      return { anomaly: idOf(anomaly), position, incidents: joined };
    });
    return { groups, incidents, indexed };
  }

  async #readJudgements(after: string): Promise<Judgement[]> {
    const { redis, logger } = this.#options;
    const judgements: Judgement[] = [];
    for await (const { id, judged } of readVerdicts(redis, logger, after)) {
      const { anomaly, verdict } = judged;
      const contribution = anomaly.entity === 'user' ? contributionOf(anomaly) : undefined;
      judgements.push({ id, contribution, verdict: verdict.verdict });
    }
    return judgements;
  }

  async #takeJudgements(keeping: Keeping, judgements: readonly Judgement[]): Promise<void> {
    const { store, metrics } = this.#options;
    const about = judgements.flatMap(({ contribution }) => (contribution === undefined ? [] : [contribution.anomaly]));
    const index = await store.readIndex(about);
    const incidents = await store.readIncidents([...index.values()].flatMap(({ incidents }) => incidents));
    const changed = new Map<string, Incident>();
    for (const { contribution, verdict } of judgements) {
      if (contribution === undefined) continue;
      for (const id of index.get(contribution.anomaly)?.incidents ?? []) {
        const incident = changed.get(id) ?? incidents.get(id);
        if (incident !== undefined) changed.set(id, judged(incident, contribution, verdict));
      }
    }
    const cursor = { ...keeping.cursor, verdicts: judgements.at(-1)!.id };
    await this.#commit(keeping, { cursor, groups: new Map(), incidents: changed, indexed: [] });
    metrics.incidentVerdicts.inc(judgements.length);
  }

  #passVerdicts(keeping: Keeping, verdicts: string): Promise<void> {
    const cursor = { ...keeping.cursor, verdicts };
    return this.#commit(keeping, { cursor, groups: new Map(), incidents: new Map(), indexed: [] });
  }

  async #commit(keeping: Keeping, changes: IncidentChanges): Promise<void> {
    await this.#options.store.commit(keeping.fence, keeping.cursor, changes);
    keeping.cursor = changes.cursor;
  }
}

function userOf(anomaly: AnomalyEntry): Extract<AnomalyEntry, { entity: 'user' }> {
  if (anomaly.entity !== 'user') throw new TypeError('only anomalies of users have groups');
  return anomaly;
}
