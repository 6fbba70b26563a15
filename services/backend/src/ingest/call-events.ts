import {
  type Event,
  eventSchema,
  eventTimeMs,
  MAX_CLOCK_SKEW_MS,
  MAX_EVENTS_PER_CALL,
} from '@liminal/shared/contracts/event';
import { type EventRow, toEventRow } from '@liminal/shared/contracts/event-batch';
import { partitionOf } from '@liminal/shared/contracts/partition';
import type { z } from 'zod';
import { errors } from '../errors.ts';

/** The events of a call for one partition, in the order of the call. */
export interface PartitionRows {
  partition: number;
  rows: EventRow[];
}

/** Checks the events of one call and sorts them into partitions. Repeated ids inside the call are left out. */
export class CallEvents {
  readonly #partitions: number;
  readonly #latestTs: number;
  readonly #byPartition = new Map<number, PartitionRows>();
  readonly #ids = new Set<string>();
  #count = 0;
  #duplicates = 0;

  /** `now`: wall-clock time in ms, against which events in the future are refused. */
  constructor(partitions: number, now: number) {
    this.#partitions = partitions;
    this.#latestTs = now + MAX_CLOCK_SKEW_MS;
  }

  /** Events seen so far, the repeated ones included. */
  get count(): number {
    return this.#count;
  }

  /** Events left out because an earlier one of the call has their id. */
  get duplicates(): number {
    return this.#duplicates;
  }

  get partitions(): PartitionRows[] {
    return [...this.#byPartition.values()];
  }

  /** Throws LIMINAL_ERR_EVENT_INVALID for the first bad event, LIMINAL_ERR_EVENTS_TOO_MANY past the limit of a call. */
  add(values: readonly unknown[]): void {
    if (this.#count + values.length > MAX_EVENTS_PER_CALL) {
      throw errors('LIMINAL_ERR_EVENTS_TOO_MANY', { limit: MAX_EVENTS_PER_CALL });
    }
    for (const value of values) {
      const index = this.#count++;
      const result = eventSchema.safeParse(value);
      if (!result.success) throw invalid(index, value, result.error);
      this.#sort(toRow(result.data, index, this.#latestTs));
    }
  }

  #sort(row: EventRow): void {
    const id = row[7];
    if (id !== null) {
      const before = this.#ids.size;
      if (this.#ids.add(scopedId(row[2], id)).size === before) {
        this.#duplicates++;
        return;
      }
    }
    const partition = partitionOf(row[2], this.#partitions);
    const known = this.#byPartition.get(partition);
    if (known === undefined) this.#byPartition.set(partition, { partition, rows: [row] });
    else known.rows.push(row);
  }
}

/**
 * Identity of an event that has an id. An id is one of its user's: ids of different users lie in one partition or in
 * two as their hashes fall, and whether an event counts must not hang on that. The length keeps ("ab", "c") and
 * ("a", "bc") apart.
 */
export const scopedId = (user: string, id: string): string => `${user.length}:${user}${id}`;

function toRow(event: Event, index: number, latestTs: number): EventRow {
  const ts = eventTimeMs(event);
  if (ts > latestTs) {
    const reason = `lies more than ${MAX_CLOCK_SKEW_MS / 60_000} min in the future: check the clock of the sender`;
    throw errors('LIMINAL_ERR_EVENT_INVALID', { index, path: 'ts', reason });
  }
  if (ts < 0) throw errors('LIMINAL_ERR_EVENT_INVALID', { index, path: 'ts', reason: 'lies before 1970' });
  return toEventRow(event);
}

function invalid(index: number, value: unknown, { issues: [issue] }: z.ZodError): Error {
  if (issue === undefined) throw new Error('the event schema refused an event and named no reason');
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') path.push(issue.keys[0] ?? '');
  return errors('LIMINAL_ERR_EVENT_INVALID', { index, path: path.join('.'), reason: reasonOf(issue, value) });
}

/** Where the schema's own words do not tell the sender what to do. */
function reasonOf(issue: z.core.$ZodIssue, event: unknown): string {
  if (issue.code === 'unrecognized_keys') return 'is no field of this kind of event';
  const [field] = issue.path;
  if (field === undefined) return 'must be an object';
  if ((event as Record<PropertyKey, unknown>)[field] === undefined) return 'is missing';
  if (field === 'kind') return 'must be request, login, token or channel';
  if (field === 'ts') return 'must be milliseconds since the epoch or an ISO 8601 time with a zone';
  return issue.message;
}
