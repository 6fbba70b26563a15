import type { DeadLetter } from '@liminal/shared/adapters/dead-letters';
import type { Lease } from '@liminal/shared/adapters/partition-group';
import { compareStreamIds, trimStream } from '@liminal/shared/adapters/stream-trim';
import { type PartitionSession, type StreamEntry, toEntry } from '@liminal/shared/adapters/stream-worker';
import type { FeatureVector } from '@liminal/shared/contracts/feature-vector';
import { acceptedKey, cursorKey, streamKey } from '@liminal/shared/contracts/keys';
import { UndecodableError } from '@liminal/shared/contracts/undecodable-error';
import { foldEvent } from '@liminal/shared/features/fold';
import { featureValues } from '@liminal/shared/features/vector';
import type { EventLoopShare } from '@liminal/shared/runtime/event-loop-share';
import type { Tracer } from '@liminal/shared/runtime/tracing';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { writeCommit } from '../commit/commit.ts';
import { writeTick } from '../commit/tick.ts';
import type { Config } from '../config.ts';
import type { Metrics } from '../metrics.ts';
import {
  type DecodedEntry,
  decodeRows,
  type EmittedAt,
  lostEvents,
  usersOf,
  withIps,
  withoutDead,
} from './event-entries.ts';
import { FoldTraces } from './fold-traces.ts';
import { arrivalOf, OpenMinutes } from './open-minutes.ts';
import type { PlatformClock } from './platform-clock.ts';
import { UserStates } from './user-states.ts';

/** Events folded between two looks at the clock: less than 1 ms. */
const EVENTS_PER_LOOK = 128;
const RECOVERY_BATCH = 50;
/** Without events for so long a partition is idle: calls that are under way have arrived by then. */
const IDLE_AFTER_MS = 2_000;

export interface EventsHandlerOptions {
  redis: Redis;
  config: Config;
  metrics: Metrics;
  logger: Logger;
  /** One for all partitions. */
  share: EventLoopShare;
  clock: PlatformClock;
  /** Undefined when nothing is to be traced. */
  tracer?: Tracer | undefined;
  now(): number;
}

/** Folds one partition's events into features: validate → fold → commit. */
export class EventsSession implements PartitionSession {
  readonly partition: number;
  readonly #fence: number;
  readonly #options: EventsHandlerOptions;
  readonly #states: UserStates;
  readonly #minutes: OpenMinutes;
  #lastId: string;
  #vectorsWaiting = 0;
  /** What could not be read when the partition was taken over. */
  readonly #unreadable: DeadLetter[] = [];
  /** When the last events came, by the clock of this instance. */
  #busyAt: number;
  /** Time of the last tick written. */
  #tick = Number.NEGATIVE_INFINITY;

  private constructor(lease: Lease, lastId: string, minutes: OpenMinutes, options: EventsHandlerOptions) {
    this.partition = lease.partition;
    this.#fence = lease.fence;
    this.#lastId = lastId;
    this.#options = options;
    this.#minutes = minutes;
    this.#busyAt = options.now();
    const capacity = Math.ceil(options.config.cachedUsers / options.config.partitions);
    this.#states = new UserStates(options.redis, lease.partition, capacity);
  }

  /** Takes a partition over: replays what was committed but is not in the snapshots yet. */
  static async open(lease: Lease, options: EventsHandlerOptions): Promise<EventsSession> {
    const { redis, config } = options;
    const { partition } = lease;
    const lastId = (await redis.hget(cursorKey('feature-extractor', partition), 'last')) ?? '0-0';
    const latenessMs = config.minuteLatenessMs;
    const { minutes, unreadable } = await OpenMinutes.load(redis, partition, { lastId, latenessMs });
    const session = new EventsSession(lease, lastId, minutes, options);
    if (unreadable !== undefined) session.#unreadable.push(unreadable);
    await session.#recover();
    return session;
  }

  get lastId(): string {
    return this.#lastId;
  }

  get cachedUsers(): number {
    return this.#states.size;
  }

  async isBlocked(): Promise<boolean> {
    if (this.#vectorsWaiting < this.#options.config.featuresHighWater) return false;
    const { redis } = this.#options;
    const [emitted, taken] = await Promise.all([
      redis.hget(cursorKey('feature-extractor', this.partition), 'emitted'),
      redis.hget(cursorKey('predictor', this.partition), 'count'),
    ]);
    this.#vectorsWaiting = Number(emitted ?? 0) - Number(taken ?? 0);
    return this.#vectorsWaiting >= this.#options.config.featuresHighWater;
  }

  async process(entries: readonly StreamEntry[]): Promise<void> {
    const traces = FoldTraces.begin(this.#options.tracer, this.partition, entries);
    try {
      await this.#take(entries, traces);
      traces?.end();
    } catch (error) {
      traces?.end(error);
      throw error;
    }
  }

  async #take(entries: readonly StreamEntry[], traces: FoldTraces | undefined): Promise<void> {
    const { share, config } = this.#options;
    const decoded: DecodedEntry[] = [];
    const deadLetters: DeadLetter[] = this.#unreadable.splice(0);
    for (const entry of entries) {
      while (share.isUsedUp) await share.nextTurn();
      const rows = decodeRows([entry]);
      decoded.push(...rows.decoded);
      deadLetters.push(...rows.deadLetters);
    }
    const readable = withoutDead(entries, deadLetters);
    deadLetters.push(...(await this.#states.load(usersOf(decoded))));
    const { emitted: emittedAt, events, late } = await this.#fold(decoded, traces);
    const vectors = withIps(emittedAt, entries);
    if (events > 0) this.#busyAt = this.#options.now();
    const lost = lostEvents(entries, deadLetters);
    deadLetters.push(...(await this.#foldMinutes(readable)));
    const toId = entries.at(-1)!.id;
    const dueBefore = Number(toId.split('-', 1)[0]) - config.snapshotEveryMs;
    const emitted = new Set(vectors.map((vector) => vector.user));
    while (share.isUsedUp) await share.nextTurn();
    await this.#commit({ toId, events: events + lost, vectors, traces, deadLetters, emitted, dueBefore });
    this.#states.shrink(usersOf(decoded));
    this.#observe(entries, events, late, vectors.length, deadLetters);
  }

  async tend(): Promise<void> {
    const { redis, config, now, metrics } = this.#options;
    const oldest = this.#oldestDirtyId;
    const dueBefore = now() - config.snapshotEveryMs;
    if (oldest !== undefined && arrivalOf(oldest) <= dueBefore) await this.#commitSnapshots(dueBefore);
    await trimStream(redis, 'events', this.partition);
    await this.#tickWhenIdle();
    const [accepted, folded] = await Promise.all([
      redis.get(acceptedKey(this.partition)),
      redis.hget(cursorKey('feature-extractor', this.partition), 'count'),
    ]);
    metrics.lag.labels(String(this.partition)).set(Number(accepted ?? 0) - Number(folded ?? 0));
  }

  async close(): Promise<void> {
    if (this.#oldestDirtyId !== undefined) await this.#commitSnapshots(Number.POSITIVE_INFINITY);
  }

  /** The first entry that is not in every snapshot it concerns. */
  get #oldestDirtyId(): string | undefined {
    const [users, minutes] = [this.#states.oldestDirtyId, this.#minutes.oldestDirtyId];
    if (users === undefined || minutes === undefined) return users ?? minutes;
    return compareStreamIds(users, minutes) < 0 ? users : minutes;
  }

  /** Minutes close where no events come, too. */
  async #tickWhenIdle(): Promise<void> {
    const { redis, clock, now } = this.#options;
    if (now() - this.#busyAt < IDLE_AFTER_MS || this.#tick > this.#minutes.watermark) return;
    const tick = await clock.tick();
    if (tick === undefined || !this.#minutes.wouldClose(tick.ts)) return;
    // Where events wait it is tried again: late ones don't move the watermark on.
    if (await writeTick(redis, { partition: this.partition, fence: this.#fence }, tick)) this.#tick = tick.ts;
  }

  /** Counts the entries per minute. Returns those with events that users' states took but the minutes can't read. */
  async #foldMinutes(entries: readonly StreamEntry[]): Promise<DeadLetter[]> {
    const { share, metrics } = this.#options;
    const unreadable: DeadLetter[] = [];
    let late = 0;
    for (const entry of entries) {
      while (share.isUsedUp) await share.nextTurn();
      try {
        late += this.#minutes.fold(entry);
      } catch (error) {
        if (!(error instanceof UndecodableError)) throw error;
        const reason = `counted for users, not for the platform's minutes: ${error.message}`;
        unreadable.push({ id: entry.id, reason, payload: entry.fields.get('b')! });
      }
    }
    metrics.lateMinuteEvents.inc(late);
    return unreadable;
  }

  async #fold(
    decoded: readonly DecodedEntry[],
    traces: FoldTraces | undefined,
  ): Promise<{ emitted: EmittedAt[]; events: number; late: number }> {
    const { share } = this.#options;
    const emitted: EmittedAt[] = [];
    let events = 0;
    let late = 0;
    for (const { id, value: rows } of decoded) {
      const from = emitted.length;
      for (let position = 0; position < rows.length; position++) {
        const row = rows[position]!;
        const { user } = row;
        const state = this.#states.touch(user, id);
        const lateBefore = state.late;
        if (foldEvent(state, row)) {
          const vector = { user, ts: state.lastTs, seq: state.seq, values: featureValues(state) };
          emitted.push({ vector, entry: id, row: position });
        }
        late += state.late - lateBefore;
        events++;
        if (events % EVENTS_PER_LOOK === 0) while (share.isUsedUp) await share.nextTurn();
      }
      traces?.folded(id, { events: rows.length, from, to: emitted.length });
    }
    return { emitted, events, late };
  }

  async #commit(batch: {
    toId: string;
    events: number;
    vectors: FeatureVector[];
    traces?: FoldTraces | undefined;
    deadLetters: DeadLetter[];
    emitted: Set<string>;
    dueBefore: number;
  }): Promise<void> {
    const { redis, config, metrics } = this.#options;
    const { toId, events, vectors, traces, deadLetters } = batch;
    const snapshots = this.#states.takeSnapshots(batch.emitted, batch.dueBefore, toId);
    const minutes = this.#minutes.toCommit(toId, batch.dueBefore);
    const startedAt = performance.now();
    this.#vectorsWaiting = await writeCommit(redis, {
      partition: this.partition,
      fence: this.#fence,
      fromId: this.#lastId,
      toId,
      neededFrom: this.#oldestDirtyId ?? toId,
      events,
      vectors,
      traces: traces?.carried,
      snapshots,
      minutes,
      deadLetters,
      ttlSeconds: config.stateTtlSeconds,
    });
    this.#lastId = toId;
    metrics.closedMinutes.inc(minutes.closedMinutes);
    metrics.commitDuration.observe((performance.now() - startedAt) / 1000);
  }

  #commitSnapshots(dueBefore: number): Promise<void> {
    return this.#commit({
      toId: this.#lastId,
      events: 0,
      vectors: [],
      deadLetters: [],
      emitted: new Set(),
      dueBefore,
    });
  }

  async #recover(): Promise<void> {
    const { redis, logger, share } = this.#options;
    if (this.#lastId === '0-0') return;
    const key = streamKey('events', this.partition);
    let from = '-';
    let replayed = 0;
    for (;;) {
      const raw = await redis.xrangeBuffer(key, from, this.#lastId, 'COUNT', RECOVERY_BATCH);
      if (raw.length === 0) break;
      const entries = raw.map(toEntry);
      // What can't be decoded was put aside by the commit that passed it.
      const { decoded, deadLetters } = decodeRows(entries);
      await this.#states.load(usersOf(decoded));
      for (const { id, value: rows } of decoded) {
        for (const row of rows) {
          if (this.#states.contains(row.user, id)) continue;
          foldEvent(this.#states.touch(row.user, id), row);
          replayed++;
        }
      }
      for (const entry of withoutDead(entries, deadLetters)) {
        if (!this.#minutes.contains(entry.id)) this.#replayMinutes(entry);
      }
      while (share.isUsedUp) await share.nextTurn();
      from = `(${entries.at(-1)!.id}`;
    }
    if (replayed > 0) logger.info({ partition: this.partition, events: replayed }, 'replayed events into user states');
  }

  #replayMinutes(entry: StreamEntry): void {
    try {
      this.#minutes.fold(entry);
    } catch (error) {
      // It was put aside by the commit that passed it.
      if (!(error instanceof UndecodableError)) throw error;
    }
  }

  #observe(
    entries: readonly StreamEntry[],
    events: number,
    late: number,
    vectors: number,
    deadLetters: readonly DeadLetter[],
  ): void {
    const { metrics, now, logger } = this.#options;
    metrics.events.labels('folded').inc(events - late);
    metrics.events.labels('late').inc(late);
    metrics.vectors.inc(vectors);
    const committedAt = now();
    for (const { id } of entries)
      metrics.latency.observe(Math.max(committedAt - Number(id.split('-', 1)[0]), 0) / 1000);
    for (const { id, reason } of deadLetters) {
      metrics.deadLetters.inc();
      logger.error({ partition: this.partition, id, reason }, 'could not decode; put aside as a dead letter');
    }
  }
}
