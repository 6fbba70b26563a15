import {
  type Event,
  eventSchema,
  eventTimeMs,
  MAX_CLOCK_SKEW_MS,
  MAX_EVENTS_PER_CALL,
} from '@liminal/shared/contracts/event';
import { partitionOf } from '@liminal/shared/contracts/partition';
import { isPlainEvent } from '@liminal/shared/contracts/plain-event';
import type { z } from 'zod';
import { errors } from '../errors.ts';
import type { PackedBatch } from './ingest.ts';
import { PartitionPacker } from './pack.ts';

/** 3 March 1973 in milliseconds, and the year 5138 in seconds. */
const EARLIEST_MS = 1e11;

/** Checks the events of one call and packs them by partition. Repeated ids inside the call are left out. */
export class CallEvents {
  readonly #partitions: number;
  readonly #latestTs: number;
  readonly #packers = new Map<number, PartitionPacker>();
  readonly #ids = new CallIds();
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

  /** What is to be stored, in the order of the call within a partition. */
  batches(): PackedBatch[] {
    return [...this.#packers.values()].flatMap((packer) => packer.batches());
  }

  /** Throws LIMINAL_ERR_EVENT_INVALID for the first bad event, LIMINAL_ERR_EVENTS_TOO_MANY past the limit of a call. */
  add(values: readonly unknown[]): void {
    if (this.#count + values.length > MAX_EVENTS_PER_CALL) {
      throw errors('LIMINAL_ERR_EVENTS_TOO_MANY', { limit: MAX_EVENTS_PER_CALL });
    }
    for (const value of values) {
      const index = this.#count++;
      const event = isPlainEvent(value) ? value : parseEvent(value, index);
      assertTime(event, index, this.#latestTs);
      if (event.id !== undefined && this.#ids.isKnown(event.user, event.id)) this.#duplicates++;
      else this.#packerOf(event.user).append(event);
    }
  }

  #packerOf(user: string): PartitionPacker {
    const partition = partitionOf(user, this.#partitions);
    let packer = this.#packers.get(partition);
    if (packer === undefined) {
      packer = new PartitionPacker(partition);
      this.#packers.set(partition, packer);
    }
    return packer;
  }
}

/** The ids of a call, each one of its user's. */
class CallIds {
  /** Id → the user who had it first. */
  readonly #first = new Map<string, string>();
  /** Id → other users who have it too. */
  readonly #others = new Map<string, Set<string>>();

  /** Whether the user had the id before; from now on it is known. */
  isKnown(user: string, id: string): boolean {
    const first = this.#first.get(id);
    if (first === user) return true;
    if (first === undefined) {
      this.#first.set(id, user);
      return false;
    }
    const others = this.#others.get(id) ?? new Set();
    this.#others.set(id, others);
    const before = others.size;
    return others.add(user).size === before;
  }
}

function parseEvent(value: unknown, index: number): Event {
  const result = eventSchema.safeParse(value);
  if (!result.success) throw invalid(index, value, result.error);
  return result.data;
}

function assertTime(event: Event, index: number, latestTs: number): void {
  const ts = eventTimeMs(event);
  if (ts > latestTs) {
    const reason = `lies more than ${MAX_CLOCK_SKEW_MS / 60_000} min in the future: check the clock of the sender`;
    throw errors('LIMINAL_ERR_EVENT_INVALID', { index, path: 'ts', reason });
  }
  if (ts < 0) throw errors('LIMINAL_ERR_EVENT_INVALID', { index, path: 'ts', reason: 'lies before 1970' });
  if (typeof event.ts === 'number' && ts < EARLIEST_MS) {
    const reason = `${ts} looks like seconds: milliseconds since the epoch are wanted`;
    throw errors('LIMINAL_ERR_EVENT_INVALID', { index, path: 'ts', reason });
  }
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
