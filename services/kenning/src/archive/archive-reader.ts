import { createHash } from 'node:crypto';
import type { ModelStore } from '@liminal/shared/adapters/model-store';
import { FEATURE_COUNT, LOAD_HISTORY_MINUTES } from '@liminal/shared/contracts/feature-vector';
import type { HoldOut } from '@liminal/shared/contracts/jobs';
import { type ArchiveLog, listParts, readParts } from './archive-parts.ts';
import { decodePart } from './part-codec.ts';
import type { TrainingColumns } from './training-row.ts';

export interface ReadTrainingRowsOptions {
  /** The newest so many rows are read. */
  maxRows: number;
  log: ArchiveLog;
  /** Only rows of this span of event time, both ends included. */
  sinceTs?: number | undefined;
  untilTs?: number | undefined;
  /** Share of the newest of these rows that is left out, and told of in `holdOut`. */
  holdOutShare?: number | undefined;
  /** Also read the load history (five times as many numbers). */
  loadHistory?: boolean;
  signal?: AbortSignal;
}

/** Rows in the order of event time, user, number: the same whatever parts they lay in. */
export interface TrainingRows extends TrainingColumns {
  /** SHA-256 of everything above, in hex: the same rows have the same hash. */
  sha256: string;
  partsRead: number;
  /** Left out because they can't be read. */
  partsSkipped: number;
  /** Rows that lay in more than one part and are counted once. */
  duplicates: number;
  /** Rows that were left out for a hold-out; null where none were. */
  holdOut: HoldOut | null;
}

/**
 * Reads the archive, newest parts first, until there are `maxRows` rows. Decoding is heavy: to be called from a worker
 * thread, which opens the store by its URL. Throws while the store is away, or with the reason of the signal.
 */
export async function readTrainingRows(
  store: ModelStore,
  { maxRows, log, loadHistory = false, signal, sinceTs, untilTs, holdOutShare = 0 }: ReadTrainingRowsOptions,
): Promise<TrainingRows> {
  const parts = await listParts(store, log);
  const contents: TrainingColumns[] = [];
  let rows = 0;
  let partsSkipped = 0;
  for await (const { content } of readParts(store, parts, (bytes) => decodePart(bytes, { loadHistory }), log)) {
    signal?.throwIfAborted();
    if (content === null) {
      partsSkipped++;
      continue;
    }
    const found = countInSpan(content.ts, sinceTs, untilTs);
    if (found === 0) continue;
    contents.push(content);
    rows += found;
    if (rows >= maxRows) break;
  }
  const all = concatenate(contents, loadHistory);
  const order = rowOrder(all);
  const kept = withoutDuplicates(all, order);
  const inSpan = kept.filter((row) => isInSpan(all.ts[row]!, sinceTs, untilTs)).slice(-maxRows);
  const heldOut = inSpan.splice(inSpan.length - Math.floor(inSpan.length * holdOutShare));
  const chosen = pick(all, inSpan);
  return {
    ...chosen,
    sha256: hashOf(chosen),
    partsRead: contents.length,
    partsSkipped,
    duplicates: order.length - kept.length,
    holdOut:
      heldOut.length === 0
        ? null
        : { rows: heldOut.length, fromTs: all.ts[heldOut[0]!]!, toTs: all.ts[heldOut.at(-1)!]! },
  };
}

const isInSpan = (ts: number, since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY): boolean =>
  ts >= since && ts <= until;

function countInSpan(times: Float64Array, since: number | undefined, until: number | undefined): number {
  if (since === undefined && until === undefined) return times.length;
  return times.reduce((count, ts) => (isInSpan(ts, since, until) ? count + 1 : count), 0);
}

/** Oldest part first, so that the rows are nearly in order before they are sorted. */
function concatenate(newestFirst: readonly TrainingColumns[], loadHistory: boolean): TrainingColumns {
  const rows = newestFirst.reduce((sum, part) => sum + part.rows, 0);
  const all: TrainingColumns = {
    rows,
    users: [],
    ts: new Float64Array(rows),
    seqs: new Int32Array(rows),
    features: new Float32Array(rows * FEATURE_COUNT),
    loadHistory: loadHistory ? new Float32Array(rows * LOAD_HISTORY_MINUTES) : null,
  };
  let offset = 0;
  for (const part of newestFirst.toReversed()) {
    for (const user of part.users) all.users.push(user);
    all.ts.set(part.ts, offset);
    all.seqs.set(part.seqs, offset);
    all.features.set(part.features, offset * FEATURE_COUNT);
    if (part.loadHistory !== null) all.loadHistory?.set(part.loadHistory, offset * LOAD_HISTORY_MINUTES);
    offset += part.rows;
  }
  return all;
}

function rowOrder({ rows, users, ts, seqs }: TrainingColumns): number[] {
  const byIdentity = (left: number, right: number): number => {
    if (ts[left] !== ts[right]) return ts[left]! - ts[right]!;
    if (users[left] !== users[right]) return users[left]! < users[right]! ? -1 : 1;
    return seqs[left]! - seqs[right]!;
  };
  // A plain array: its sort makes use of stretches that are in order already.
  return Array.from({ length: rows }, (_, row) => row).sort(byIdentity);
}

/** A vector has one user, time and number; of rows that share them the one of the newest part stays. */
function withoutDuplicates({ users, ts, seqs }: TrainingColumns, order: readonly number[]): number[] {
  return order.filter((row, index) => {
    const next = order[index + 1];
    return next === undefined || ts[row] !== ts[next] || users[row] !== users[next] || seqs[row] !== seqs[next];
  });
}

function pick(all: TrainingColumns, order: readonly number[]): TrainingColumns {
  return {
    rows: order.length,
    users: order.map((row) => all.users[row]!),
    ts: Float64Array.from(order, (row) => all.ts[row]!),
    seqs: Int32Array.from(order, (row) => all.seqs[row]!),
    features: pickRows(all.features, FEATURE_COUNT, order),
    loadHistory: all.loadHistory && pickRows(all.loadHistory, LOAD_HISTORY_MINUTES, order),
  };
}

function pickRows(values: Float32Array, columns: number, order: readonly number[]): Float32Array {
  const picked = new Float32Array(order.length * columns);
  for (const [index, row] of order.entries()) {
    // Value by value: JavaScript has one NaN, while a copy of memory could carry others into the hash.
    for (let column = 0; column < columns; column++) {
      const value = values[row * columns + column]!;
      picked[index * columns + column] = Number.isNaN(value) ? Number.NaN : value;
    }
  }
  return picked;
}

function hashOf({ users, ts, seqs, features, loadHistory }: TrainingColumns): string {
  const hash = createHash('sha256').update(JSON.stringify(users));
  for (const column of [ts, seqs, features, ...(loadHistory === null ? [] : [loadHistory])]) hash.update(column);
  return hash.digest('hex');
}
