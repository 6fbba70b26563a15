import { OTHER_GROUPS, type PartitionMinute } from '@liminal/shared/contracts/platform-minutes';
import { DURATION_BUCKETS, durationBucket } from '@liminal/shared/platform-watch/duration-buckets';
import { DistinctUsers } from './distinct-users.ts';
import type { GroupSlots } from './groups.ts';

/** Groups of a kind that have a slot of their own in a partition; one more slot holds the rest. */
export const GROUP_CAPACITY = 64;
export const GROUP_SLOTS = GROUP_CAPACITY + 1;
/** Slots of distinct users: the platform, then the routes, then the channels. */
const PLATFORM = 0;
const FIRST_ROUTE = 1;
const FIRST_CHANNEL = FIRST_ROUTE + GROUP_SLOTS;
export const USER_SLOTS = FIRST_CHANNEL + GROUP_SLOTS;
const FIRST_SERVER_ERROR = 500;

/** The running counts of one minute of a partition. Plain arrays by slot: an event makes no object. */
export class OpenMinute {
  minute = 0;
  logins = 0;
  failedLogins = 0;
  tokenRefreshes = 0;
  readonly requests = new Uint32Array(GROUP_SLOTS);
  readonly errors = new Uint32Array(GROUP_SLOTS);
  /** By slot, then by bucket. */
  readonly durations = new Uint32Array(GROUP_SLOTS * DURATION_BUCKETS);
  readonly channelEvents = new Uint32Array(GROUP_SLOTS);
  readonly users = new DistinctUsers();

  request(user: number, slot: number, status: number, durationMs: number): void {
    this.requests[slot]! += 1;
    if (status >= FIRST_SERVER_ERROR) this.errors[slot]! += 1;
    this.durations[slot * DURATION_BUCKETS + durationBucket(durationMs)]! += 1;
    if (this.users.add(user, FIRST_ROUTE + slot)) this.users.add(user, PLATFORM);
  }

  channelEvent(user: number, slot: number): void {
    this.channelEvents[slot]! += 1;
    if (this.users.add(user, FIRST_CHANNEL + slot)) this.users.add(user, PLATFORM);
  }

  login(user: number, hasFailed: boolean): void {
    this.logins++;
    if (hasFailed) this.failedLogins++;
    this.users.add(user, PLATFORM);
  }

  tokenUse(user: number, isRefresh: boolean): void {
    if (isRefresh) this.tokenRefreshes++;
    this.users.add(user, PLATFORM);
  }

  /** Ready for another minute. */
  reset(): void {
    this.logins = this.failedLogins = this.tokenRefreshes = 0;
    for (let slot = 0; slot < GROUP_SLOTS; slot++) {
      if (this.requests[slot] === 0) continue;
      this.durations.fill(0, slot * DURATION_BUCKETS, (slot + 1) * DURATION_BUCKETS);
    }
    this.requests.fill(0);
    this.errors.fill(0);
    this.channelEvents.fill(0);
    this.users.clear();
  }

  /** As the counts stand; groups in the order of their slots. */
  toCounts(routes: GroupSlots, channels: GroupSlots): PartitionMinute {
    const users = this.users.counts(USER_SLOTS);
    const counts: PartitionMinute = {
      minute: this.minute,
      users: users[PLATFORM]!,
      logins: this.logins,
      failedLogins: this.failedLogins,
      tokenRefreshes: this.tokenRefreshes,
      routes: [],
      channels: [],
    };
    for (let slot = 0; slot < GROUP_SLOTS; slot++) {
      if (this.requests[slot] !== 0) {
        counts.routes.push({
          group: slot === routes.other ? OTHER_GROUPS : routes.nameOf(slot),
          requests: this.requests[slot]!,
          errors: this.errors[slot]!,
          users: users[FIRST_ROUTE + slot]!,
          durations: this.#sparseDurations(slot),
        });
      }
      if (this.channelEvents[slot] !== 0) {
        counts.channels.push({
          group: slot === channels.other ? OTHER_GROUPS : channels.nameOf(slot),
          events: this.channelEvents[slot]!,
          users: users[FIRST_CHANNEL + slot]!,
        });
      }
    }
    return counts;
  }

  /**
   * What it takes beside the counts to go on counting users: for each slot of theirs the position of its group among those that
   * `toCounts` gives (platform, routes, channels), then `DistinctUsers.encode`.
   */
  encodeUsers(): Buffer {
    const positions = new Uint8Array(USER_SLOTS);
    let next = 1;
    for (let slot = 0; slot < GROUP_SLOTS; slot++) {
      if (this.requests[slot] !== 0) positions[FIRST_ROUTE + slot] = next++;
    }
    for (let slot = 0; slot < GROUP_SLOTS; slot++) {
      if (this.channelEvents[slot] !== 0) positions[FIRST_CHANNEL + slot] = next++;
    }
    return Buffer.concat([positions, this.users.encode()]);
  }

  /** Takes over what `toCounts` and `encodeUsers` gave. `slotOf` finds or makes the slot of a group. */
  restore(
    counts: PartitionMinute,
    users: Buffer,
    slotOf: { route(group: string): number; channel(group: string): number },
  ): void {
    this.minute = counts.minute;
    this.logins = counts.logins;
    this.failedLogins = counts.failedLogins;
    this.tokenRefreshes = counts.tokenRefreshes;
    const slotAt = [PLATFORM];
    for (const { group, requests, errors, durations } of counts.routes) {
      const slot = slotOf.route(group);
      slotAt.push(FIRST_ROUTE + slot);
      this.requests[slot] = requests;
      this.errors[slot] = errors;
      for (let at = 0; at < durations.length; at += 2) {
        this.durations[slot * DURATION_BUCKETS + durations[at]!] = durations[at + 1]!;
      }
    }
    for (const { group, events } of counts.channels) {
      const slot = slotOf.channel(group);
      slotAt.push(FIRST_CHANNEL + slot);
      this.channelEvents[slot] = events;
    }
    const slots = Uint8Array.from(users.subarray(0, USER_SLOTS), (position) => slotAt[position]!);
    this.users.restore(users.subarray(USER_SLOTS), slots);
  }

  #sparseDurations(slot: number): number[] {
    const sparse: number[] = [];
    const start = slot * DURATION_BUCKETS;
    for (let bucket = 0; bucket < DURATION_BUCKETS; bucket++) {
      const count = this.durations[start + bucket]!;
      if (count !== 0) sparse.push(bucket, count);
    }
    return sparse;
  }
}
