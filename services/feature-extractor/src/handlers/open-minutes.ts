import type { DeadLetter } from '@liminal/shared/adapters/dead-letters';
import { compareStreamIds } from '@liminal/shared/adapters/stream-trim';
import type { StreamEntry } from '@liminal/shared/adapters/stream-worker';
import { openMinutesKey } from '@liminal/shared/contracts/keys';
import { encodeClosedMinutes } from '@liminal/shared/contracts/platform-minutes';
import { UndecodableError } from '@liminal/shared/contracts/undecodable-error';
import type { Redis } from 'ioredis';
import type { MinutesCommit } from '../commit/commit.ts';
import { decodeMinutes, encodeMinutes } from '../minutes/minutes-codec.ts';
import { PartitionMinutes } from '../minutes/partition-minutes.ts';

export const arrivalOf = (id: string): number => Number(id.split('-', 1)[0]);

/** The minutes of a partition, and how far they are ahead of their snapshot. */
export class OpenMinutes {
  #minutes: PartitionMinutes;
  /** Id of the last entry that the stored snapshot contains. */
  #appliedId: string;
  /** Id of the first entry that it does not contain. */
  #dirtySince: string | undefined;

  private constructor(minutes: PartitionMinutes, appliedId: string) {
    this.#minutes = minutes;
    this.#appliedId = appliedId;
  }

  /**
   * As they were last stored: before the first snapshot, nothing is trimmed that it would have to contain. Where it can't be
   * read, which is told as a dead letter, they begin anew after `lastId`, the cursor.
   */
  static async load(
    redis: Redis,
    partition: number,
    { lastId, latenessMs }: { lastId: string; latenessMs: number },
  ): Promise<{ minutes: OpenMinutes; unreadable: DeadLetter | undefined }> {
    const key = openMinutesKey(partition);
    const bytes = await redis.getBuffer(key);
    const fresh = new PartitionMinutes(latenessMs);
    if (bytes === null) return { minutes: new OpenMinutes(fresh, '0-0'), unreadable: undefined };
    try {
      const { appliedId, state } = decodeMinutes(bytes);
      const minutes = PartitionMinutes.fromState(state, latenessMs);
      return { minutes: new OpenMinutes(minutes, appliedId), unreadable: undefined };
    } catch (error) {
      if (!(error instanceof UndecodableError)) throw error;
      return {
        minutes: new OpenMinutes(fresh, lastId),
        unreadable: { id: key, reason: error.message, payload: bytes },
      };
    }
  }

  get oldestDirtyId(): string | undefined {
    return this.#dirtySince;
  }

  contains(id: string): boolean {
    return compareStreamIds(id, this.#appliedId) <= 0;
  }

  get watermark(): number {
    return this.#minutes.clock.watermark;
  }

  wouldClose(ts: number): boolean {
    return this.#minutes.wouldClose(ts);
  }

  /** Counts an entry. Returns how many of its events were late. Throws `UndecodableError` as `PartitionMinutes` does. */
  fold({ id, fields }: StreamEntry): number {
    this.#dirtySince ??= id;
    const tick = fields.get('t');
    if (tick === undefined) return this.#minutes.fold(fields.get('b')!, fields.get('s'), arrivalOf(id));
    this.#minutes.tick(Number(tick.toString()), arrivalOf(id), fields.has('live'));
    return 0;
  }

  /**
   * What a commit up to the entry `toId` says of the minutes. A snapshot goes with it when minutes close, so that a replay
   * never closes them again, and when it is ahead of the stored one since before `dueBefore` (ms).
   */
  toCommit(toId: string, dueBefore: number): MinutesCommit & { closedMinutes: number } {
    const { clock } = this.#minutes;
    const closed = this.#minutes.takeClosed();
    const isDue = this.#dirtySince !== undefined && arrivalOf(this.#dirtySince) <= dueBefore;
    let snapshot: Buffer | undefined;
    if (closed !== undefined || isDue) {
      snapshot = encodeMinutes({ appliedId: toId, state: this.#minutes.toState() });
      this.#appliedId = toId;
      this.#dirtySince = undefined;
    }
    return {
      clock,
      snapshot,
      closed: closed && encodeClosedMinutes(closed),
      closedMinutes: closed === undefined ? 0 : closed.through - closed.from + 1,
    };
  }
}
