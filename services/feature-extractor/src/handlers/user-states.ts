import type { DeadLetter } from '@liminal/shared/adapters/dead-letters';
import { compareStreamIds } from '@liminal/shared/adapters/stream-trim';
import { stateKey } from '@liminal/shared/contracts/keys';
import { UndecodableError } from '@liminal/shared/contracts/undecodable-error';
import { UserState } from '@liminal/shared/features/user-state';
import { decodeSnapshot, encodeSnapshot } from '@liminal/shared/features/user-state-codec';
import type { Redis } from 'ioredis';

const NEVER_APPLIED = '0-0';

interface CachedUser {
  state: UserState;
  /** Id of the last entry that the stored snapshot contains. */
  appliedId: string;
  /** Whether the state is ahead of the stored snapshot. */
  isDirty: boolean;
}

/** The states of a partition's users: a cache over Redis that knows which of them are ahead of their snapshots. */
export class UserStates {
  readonly #redis: Redis;
  readonly #partition: number;
  readonly #capacity: number;
  /** Least recently used first. */
  readonly #users = new Map<string, CachedUser>();
  /** User → id of the first entry that is not in the user's snapshot, oldest first. */
  readonly #dirtySince = new Map<string, string>();

  constructor(redis: Redis, partition: number, capacity: number) {
    this.#redis = redis;
    this.#partition = partition;
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#users.size;
  }

  get oldestDirtyId(): string | undefined {
    return this.#dirtySince.values().next().value;
  }

  /** Brings the states of these users into memory. Returns snapshots that can't be read; their users start anew. */
  async load(users: Iterable<string>): Promise<DeadLetter[]> {
    const absent = new Set<string>();
    for (const user of users) if (!this.#users.has(user)) absent.add(user);
    if (absent.size === 0) return [];
    const missing = [...absent];
    const blobs = await this.#redis.mgetBuffer(missing.map((user) => stateKey(this.#partition, user)));
    const unreadable: DeadLetter[] = [];
    for (const [index, user] of missing.entries()) {
      const blob = blobs[index];
      try {
        this.#users.set(user, blob ? { ...decodeSnapshot(blob), isDirty: false } : newUser());
      } catch (error) {
        if (!(error instanceof UndecodableError) || !blob) throw error;
        unreadable.push({ id: stateKey(this.#partition, user), reason: error.message, payload: blob });
        this.#users.set(user, newUser());
      }
    }
    return unreadable;
  }

  /** The loaded state of a user, about to change by the entry `id`. */
  touch(user: string, id: string): UserState {
    const cached = this.#users.get(user)!;
    if (!cached.isDirty) {
      cached.isDirty = true;
      this.#dirtySince.set(user, id);
    }
    return cached.state;
  }

  /** Whether the stored snapshot of a loaded user contains the entry `id` already. */
  contains(user: string, id: string): boolean {
    return compareStreamIds(id, this.#users.get(user)!.appliedId) <= 0;
  }

  /** Snapshots of these users and of all that were dirty before `dueBefore` (ms), as they stand after `toId`. */
  takeSnapshots(users: Iterable<string>, dueBefore: number, toId: string): Map<string, Buffer> {
    const snapshots = new Map<string, Buffer>();
    const excess = this.#dirtySince.size - this.#capacity;
    for (const user of users) this.#snapshot(user, toId, snapshots);
    for (const [user, since] of this.#dirtySince) {
      // The ids are in order, so the first that is not due ends the search.
      if (Number(since.split('-', 1)[0]) > dueBefore && snapshots.size >= excess) break;
      this.#snapshot(user, toId, snapshots);
    }
    return snapshots;
  }

  /** Marks users as most recently used, and forgets the least recently used clean ones beyond the capacity. */
  shrink(used: Iterable<string>): void {
    if (this.#users.size <= this.#capacity) return;
    for (const user of used) {
      const cached = this.#users.get(user)!;
      this.#users.delete(user);
      this.#users.set(user, cached);
    }
    for (const user of this.#users.keys()) {
      if (this.#users.size <= this.#capacity) return;
      if (!this.#dirtySince.has(user)) this.#users.delete(user);
    }
  }

  #snapshot(user: string, toId: string, snapshots: Map<string, Buffer>): void {
    const cached = this.#users.get(user)!;
    cached.appliedId = toId;
    cached.isDirty = false;
    snapshots.set(user, encodeSnapshot({ appliedId: toId, state: cached.state }));
    this.#dirtySince.delete(user);
  }
}

const newUser = (): CachedUser => ({ state: new UserState(), appliedId: NEVER_APPLIED, isDirty: false });
