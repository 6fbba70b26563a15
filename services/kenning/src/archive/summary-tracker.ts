import { type ArchiveSummary, EXACT_USERS } from '@liminal/shared/contracts/training-rows';
import { byAge, type StoredPart } from './part-key.ts';

interface PartContent {
  users: readonly string[];
  ts: ArrayLike<number>;
}

interface TrackedPart extends StoredPart {
  rows: number;
  fromTs: number;
  toTs: number;
}

/**
 * What the archive holds, kept up to date part by part. Memory is bounded: four numbers a part, and `EXACT_USERS` users.
 *
 * Of each user only the newest part is remembered. Parts are dropped oldest first, so a user is gone exactly when that
 * part is. Users beyond the bound are not remembered: from then on, and until the tracker is built anew, the number of
 * users is a lower bound.
 */
export class SummaryTracker {
  readonly #parts = new Map<string, TrackedPart>();
  readonly #newestPartOfUser = new Map<string, TrackedPart>();
  #usersExact = true;
  #rows = 0;

  get rows(): number {
    return this.#rows;
  }

  /** Adds a part, or puts it in the place of the one with the same key. */
  put(part: StoredPart, { users, ts }: PartContent): void {
    const previous = this.#parts.get(part.key);
    const tracked: TrackedPart = { ...part, rows: ts.length, ...range(ts) };
    this.#rows += tracked.rows - (previous?.rows ?? 0);
    this.#parts.set(part.key, tracked);
    for (const user of users) this.#see(user, tracked);
  }

  /** The parts that can go while at least `maxRows` rows stay, oldest first. */
  partsBeyond(maxRows: number): StoredPart[] {
    const beyond: StoredPart[] = [];
    let rows = this.#rows;
    if (rows <= maxRows) return beyond;
    for (const part of [...this.#parts.values()].sort(byAge)) {
      if (rows - part.rows < maxRows) break;
      rows -= part.rows;
      beyond.push(part);
    }
    return beyond;
  }

  /** Forgets a part; to be called for the oldest ones only. */
  drop(key: string): void {
    const part = this.#parts.get(key);
    if (part === undefined) return;
    this.#parts.delete(key);
    this.#rows -= part.rows;
    for (const [user, newest] of this.#newestPartOfUser) {
      if (byAge(newest, part) <= 0) this.#newestPartOfUser.delete(user);
    }
  }

  summary(updatedAt: Date): ArchiveSummary {
    let fromTs = Number.POSITIVE_INFINITY;
    let toTs = Number.NEGATIVE_INFINITY;
    for (const part of this.#parts.values()) {
      fromTs = Math.min(fromTs, part.fromTs);
      toTs = Math.max(toTs, part.toTs);
    }
    const isEmpty = this.#rows === 0;
    return {
      rows: this.#rows,
      users: this.#newestPartOfUser.size,
      usersExact: this.#usersExact,
      fromTs: isEmpty ? null : fromTs,
      toTs: isEmpty ? null : toTs,
      parts: this.#parts.size,
      updatedAt: updatedAt.toISOString(),
    };
  }

  #see(user: string, part: TrackedPart): void {
    const newest = this.#newestPartOfUser.get(user);
    if (newest === undefined && this.#newestPartOfUser.size >= EXACT_USERS) {
      this.#usersExact = false;
      return;
    }
    if (newest === undefined || byAge(newest, part) <= 0) this.#newestPartOfUser.set(user, part);
  }
}

function range(ts: ArrayLike<number>): { fromTs: number; toTs: number } {
  let fromTs = Number.POSITIVE_INFINITY;
  let toTs = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < ts.length; row++) {
    fromTs = Math.min(fromTs, ts[row]!);
    toTs = Math.max(toTs, ts[row]!);
  }
  return { fromTs, toTs };
}
