import type { DeadLetter } from '@liminal/shared/adapters/dead-letters';
import type { ClosedMinutes, PartitionMinute } from '@liminal/shared/contracts/platform-minutes';
import { DURATION_BUCKETS } from '@liminal/shared/platform-watch/duration-buckets';

export interface RouteTotals {
  requests: number;
  errors: number;
  users: number;
  /** By bucket (platform-watch/duration-buckets.ts). */
  durations: Float64Array;
}

export interface ChannelTotals {
  events: number;
  users: number;
}

/** What happened on the whole platform in one minute. */
export interface PlatformMinute {
  minute: number;
  users: number;
  logins: number;
  failedLogins: number;
  tokenRefreshes: number;
  /** By group; `OTHER_GROUPS` for those that a partition had no place for. */
  routes: Map<string, RouteTotals>;
  channels: Map<string, ChannelTotals>;
}

/** How far the merge is: enough to go on from. */
export interface MergeState {
  /** The last minute merged or passed over; null before the first. */
  merged: number | null;
  /** By partition: id of the last entry taken whole, and the last minute that it closed; null before the first. */
  cursors: { id: string; through: number | null }[];
}

interface WaitingEntry {
  id: string;
  /** Absent of an entry that could not be decoded. */
  closed: ClosedMinutes | undefined;
  unreadable: DeadLetter | undefined;
  /** Minutes before `closed.from` that the partition closed in entries which are gone. */
  lostFrom: number | undefined;
}

interface Partition {
  waiting: WaitingEntry[];
  cursor: { id: string; through: number | null };
  /** Of the newest entry pushed. */
  readId: string;
  readThrough: number | null;
}

/** After so many minutes without event or tick nobody was there to hear them. */
const LONGEST_QUIET_MINUTES = 10;

/**
 * Adds up what the partitions closed, minute by minute, once all of them have passed a minute. Minutes that a partition lost, and
 * more than ten in a row without event or tick on the whole platform, are passed over: that is a gap, and not a time in which
 * nothing happened.
 */
export class MinuteMerge {
  readonly #partitions: Partition[];
  #merged: number | null;
  /** Minutes passed over. */
  #gaps = 0;
  readonly #unreadable: DeadLetter[] = [];

  constructor(partitions: number, state?: MergeState) {
    this.#merged = state?.merged ?? null;
    this.#partitions = Array.from({ length: partitions }, (_, partition) => {
      const cursor = state?.cursors[partition] ?? { id: '0-0', through: null };
      return { waiting: [], cursor, readId: cursor.id, readThrough: cursor.through };
    });
  }

  get state(): MergeState {
    return { merged: this.#merged, cursors: this.#partitions.map(({ cursor }) => cursor) };
  }

  /** Id after which a partition is to be read, and how many of its entries wait. */
  reading(partition: number): { id: string; waiting: number } {
    const { readId, waiting } = this.#partitions[partition]!;
    return { id: readId, waiting: waiting.length };
  }

  /** The next entry of a partition. */
  push(partition: number, id: string, closed: ClosedMinutes): void {
    const of = this.#partitions[partition]!;
    const next = (of.readThrough ?? Number.POSITIVE_INFINITY) + 1;
    of.waiting.push({ id, closed, unreadable: undefined, lostFrom: closed.from > next ? next : undefined });
    of.readId = id;
    of.readThrough = closed.through;
  }

  /** The next entry of a partition is one that could not be decoded. */
  pushUnreadable(partition: number, letter: DeadLetter): void {
    const of = this.#partitions[partition]!;
    of.waiting.push({ id: letter.id, closed: undefined, unreadable: letter, lostFrom: undefined });
    of.readId = letter.id;
  }

  /** The next minute that is known of; undefined until more comes. */
  next(): PlatformMinute | undefined {
    for (;;) {
      const last = Math.min(...this.#partitions.map(({ readThrough }) => readThrough ?? Number.NEGATIVE_INFINITY));
      const minute = this.#merged === null ? this.#first() : this.#merged + 1;
      const known = minute <= last ? this.#nextKnown(minute, last) : undefined;
      if (known === undefined) {
        this.#pass();
        return undefined;
      }
      const lostEnd = this.#lostEnd(minute);
      const gapEnd = lostEnd ?? (known - minute > LONGEST_QUIET_MINUTES ? known - 1 : undefined);
      const merged = gapEnd === undefined ? this.#merge(minute) : undefined;
      this.#merged = gapEnd ?? minute;
      this.#pass();
      if (merged !== undefined) return merged;
      this.#gaps += this.#merged - minute + 1;
    }
  }

  /** Minutes passed over since the last call. */
  takeGaps(): number {
    const gaps = this.#gaps;
    this.#gaps = 0;
    return gaps;
  }

  /** Entries that could not be decoded and were passed since the last call. */
  takeUnreadable(): DeadLetter[] {
    return this.#unreadable.splice(0);
  }

  #first(): number {
    const starts = this.#partitions.map(({ waiting }) => waiting.find(({ closed }) => closed)?.closed?.from);
    return Math.min(...starts.map((from) => from ?? Number.POSITIVE_INFINITY));
  }

  /** The first minute from `minute` on in which anything happened or the clock ticked. */
  #nextKnown(minute: number, last: number): number | undefined {
    let known = Number.POSITIVE_INFINITY;
    for (const { waiting } of this.#partitions) {
      for (const { closed } of waiting) {
        if (closed === undefined || closed.through < minute) continue;
        if (closed.from > known) break;
        for (const counts of closed.minutes) if (counts.minute >= minute) known = Math.min(known, counts.minute);
        for (const tick of closed.ticks) if (tick >= minute) known = Math.min(known, tick);
      }
    }
    return known <= last ? known : undefined;
  }

  /** The last minute of what a partition lost that begins with `minute`, at the latest. */
  #lostEnd(minute: number): number | undefined {
    const ends = this.#partitions.flatMap(({ waiting }) =>
      waiting.flatMap(({ closed, lostFrom }) =>
        closed !== undefined && lostFrom !== undefined && lostFrom <= minute && minute < closed.from
          ? [closed.from - 1]
          : [],
      ),
    );
    return ends.length === 0 ? undefined : Math.max(...ends);
  }

  #merge(minute: number): PlatformMinute {
    const total: PlatformMinute = {
      minute,
      users: 0,
      logins: 0,
      failedLogins: 0,
      tokenRefreshes: 0,
      routes: new Map(),
      channels: new Map(),
    };
    for (const partition of this.#partitions) {
      const counts = countsOf(partition, minute);
      if (counts !== undefined) add(total, counts);
    }
    return total;
  }

  /** Lets go of entries that are merged whole. */
  #pass(): void {
    for (const partition of this.#partitions) {
      for (let entry = partition.waiting[0]; entry !== undefined; entry = partition.waiting[0]) {
        const { id, closed, unreadable } = entry;
        if (unreadable !== undefined) this.#unreadable.push(unreadable);
        else if (closed!.through > (this.#merged ?? Number.NEGATIVE_INFINITY)) break;
        partition.cursor = { id, through: closed?.through ?? partition.cursor.through };
        partition.waiting.shift();
      }
    }
  }
}

/** What a partition saw of a minute. */
function countsOf({ waiting }: Partition, minute: number): PartitionMinute | undefined {
  for (const { closed } of waiting) {
    if (closed === undefined || minute > closed.through) continue;
    return closed.minutes.find((counts) => counts.minute === minute);
  }
  return undefined;
}

function add(total: PlatformMinute, counts: PartitionMinute): void {
  total.users += counts.users;
  total.logins += counts.logins;
  total.failedLogins += counts.failedLogins;
  total.tokenRefreshes += counts.tokenRefreshes;
  for (const { group, requests, errors, users, durations } of counts.routes) {
    let route = total.routes.get(group);
    if (route === undefined) {
      route = { requests: 0, errors: 0, users: 0, durations: new Float64Array(DURATION_BUCKETS) };
      total.routes.set(group, route);
    }
    addRoute(route, { requests, errors, users });
    for (let at = 0; at + 1 < durations.length; at += 2) route.durations[durations[at]!]! += durations[at + 1]!;
  }
  for (const { group, events, users } of counts.channels) {
    const channel = total.channels.get(group);
    total.channels.set(group, { events: (channel?.events ?? 0) + events, users: (channel?.users ?? 0) + users });
  }
}

function addRoute(route: RouteTotals, { requests, errors, users }: Omit<RouteTotals, 'durations'>): void {
  route.requests += requests;
  route.errors += errors;
  route.users += users;
}

/** Some totals in one. */
export function sumRoutes(routes: Iterable<RouteTotals>): RouteTotals {
  const sum: RouteTotals = { requests: 0, errors: 0, users: 0, durations: new Float64Array(DURATION_BUCKETS) };
  for (const route of routes) {
    addRoute(sum, route);
    for (let bucket = 0; bucket < DURATION_BUCKETS; bucket++) sum.durations[bucket]! += route.durations[bucket]!;
  }
  return sum;
}
