import { Packr } from 'msgpackr';
import { type Event, eventTimeMs } from './event.ts';
import { UndecodableError } from './undecodable-error.ts';

const FORMAT_VERSION = 1;
const packr = new Packr({ useRecords: false });

export const EVENT_KINDS = ['request', 'login', 'token', 'channel'] as const;
export const REQUEST = 0;
export const LOGIN = 1;
export const TOKEN = 2;
export const CHANNEL = 3;

type Maybe<T> = T | null;

/**
 * One event as it lies in `events:{p}`: positions instead of names, since the names were half of the bytes.
 * `[kind, tsMs, user, ip, tokenId, userAgent, detail, id]`
 */
export type EventRow = [
  kind: number,
  ts: number,
  user: string,
  ip: Maybe<string>,
  tokenId: Maybe<string>,
  userAgent: Maybe<string>,
  detail: unknown[],
  id: Maybe<string>,
];

export function toEventRow(event: Event): EventRow {
  const ts = eventTimeMs(event);
  const id = event.id ?? null;
  switch (event.kind) {
    case 'request': {
      const detail = [event.method, event.route, event.status, event.durationMs, event.bytes ?? null];
      return [REQUEST, ts, event.user, event.ip, event.tokenId ?? null, event.userAgent ?? null, detail, id];
    }
    case 'login':
      return [LOGIN, ts, event.user, event.ip, null, event.userAgent ?? null, [event.success], id];
    case 'token':
      return [TOKEN, ts, event.user, event.ip, event.tokenId, event.userAgent ?? null, [event.action], id];
    case 'channel':
      return [CHANNEL, ts, event.user, null, null, null, [event.channel, event.action], id];
  }
}

/** The events of one call for one partition, as one stream entry's field `b`. */
export function encodeEventBatch(rows: readonly EventRow[]): Buffer {
  return packr.pack([FORMAT_VERSION, rows]);
}

/**
 * The rows of a stream entry. `skip` is the field `s`: comma-separated positions of the events that had been seen
 * before, found by the ingest script only after the batch was packed.
 * Throws `UndecodableError` on anything that this version did not write.
 */
export function decodeEventBatch(batch: Uint8Array, skip?: Uint8Array): EventRow[] {
  const rows = unpackRows(batch);
  for (const row of rows) assertRow(row);
  if (skip === undefined) return rows;
  const skipped = new Set(Buffer.from(skip).toString().split(',').map(Number));
  return rows.filter((_, index) => !skipped.has(index));
}

function unpackRows(batch: Uint8Array): EventRow[] {
  let value: unknown;
  try {
    value = packr.unpack(batch);
  } catch (error) {
    throw new UndecodableError('event batch is not msgpack', { cause: error });
  }
  if (!Array.isArray(value) || value[0] !== FORMAT_VERSION || !Array.isArray(value[1])) {
    throw new UndecodableError(`event batch is not of format version ${FORMAT_VERSION}`);
  }
  return value[1] as EventRow[];
}

function assertRow(row: unknown): void {
  const isRow =
    Array.isArray(row) &&
    row.length === 8 &&
    Number.isInteger(row[0]) &&
    row[0] >= REQUEST &&
    row[0] <= CHANNEL &&
    Number.isFinite(row[1]) &&
    typeof row[2] === 'string' &&
    row[2].length > 0 &&
    isTextOrNull(row[3]) &&
    isTextOrNull(row[4]) &&
    isTextOrNull(row[5]);
  if (!isRow) throw new UndecodableError('event batch holds a row that is no event');
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === 'string';
}
