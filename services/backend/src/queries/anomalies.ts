import { toEntry } from '@liminal/shared/adapters/stream-worker';
import { type AnomalyEntry, decodeAnomalyEntry, decodeAnomalySubject } from '@liminal/shared/contracts/anomaly-entry';
import { MAX_CLOCK_SKEW_MS } from '@liminal/shared/contracts/event';
import { anomaliesKey, cursorKey } from '@liminal/shared/contracts/keys';
import { UndecodableError } from '@liminal/shared/contracts/undecodable-error';
import type { VERDICTS, Verdict } from '@liminal/shared/contracts/verdict';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import {
  type AnomalyFilter,
  idOf,
  matchesSubject,
  matchesText,
  mayMatch,
  passesAll,
} from '../anomalies/anomaly-filter.ts';
import { readIndex } from '../incidents/incident-store.ts';
import { lastVerdicts } from './last-verdicts.ts';

/** Entries of the stream that one page looks at: a filter that matches rarely gets its next page by the cursor. */
export const SCAN_LIMIT = 10_000;
/** Read and decoded in one turn of the event loop: 3 ms. */
const SCAN_STEP = 250;
/** How far clocks may be apart beside the skew that events may have. */
const CLOCK_MARGIN_MS = 60_000;

/** `none`: nobody has judged the anomaly. */
export type VerdictFilter = (typeof VERDICTS)[number] | 'none';

export interface AnomalyQuery extends AnomalyFilter {
  verdict?: VerdictFilter | undefined;
  /** Stream id: only what was written before. */
  before?: string | undefined;
}

export interface FoundAnomaly {
  /** Its stream id: the order of writing. */
  position: string;
  anomaly: AnomalyEntry;
  /** The one that counts. */
  verdict: Verdict | undefined;
}

export interface AnomalyPage {
  /** Newest first. May hold fewer than asked for, or none, although there is a next page. */
  found: FoundAnomaly[];
  /** `before` of the next page; null = this was the last one. */
  next: string | null;
}

export async function findAnomalies(
  redis: Redis,
  query: AnomalyQuery & { limit: number },
  logger: Logger,
): Promise<AnomalyPage> {
  const found: FoundAnomaly[] = [];
  let scanned = 0;
  // Without a filter everything that is read is given.
  const step = query.verdict === undefined && passesAll(query) ? query.limit : SCAN_STEP;
  for await (const slice of scanAnomalies(redis, query, step, logger)) {
    const room = query.limit - found.length;
    found.push(...slice.found.slice(0, room));
    if (slice.found.length >= room) return { found, next: found.at(-1)!.position };
    scanned += slice.scanned;
    if (scanned >= SCAN_LIMIT) return { found, next: slice.last };
  }
  return { found, next: null };
}

/** Every anomaly that a query asks for, newest first, read as fast as they are taken and no faster. */
export async function* allAnomalies(redis: Redis, query: AnomalyQuery, logger: Logger): AsyncGenerator<FoundAnomaly> {
  for await (const { found } of scanAnomalies(redis, query, SCAN_STEP, logger)) yield* found;
}

interface Slice {
  found: FoundAnomaly[];
  scanned: number;
  /** Stream id of the oldest entry looked at. */
  last: string;
}

/** Reads the stream of anomalies from its new end, in slices. */
async function* scanAnomalies(redis: Redis, query: AnomalyQuery, step: number, logger: Logger): AsyncGenerator<Slice> {
  let before = query.before;
  const oldest = oldestId(query.from);
  for (;;) {
    const end = before === undefined ? '+' : `(${before}`;
    const entries = await redis.xrevrangeBuffer(anomaliesKey, end, oldest, 'COUNT', step);
    const matching: { position: string; anomaly: AnomalyEntry }[] = [];
    for (const raw of entries) {
      const { id, fields } = toEntry(raw);
      before = id;
      if (!mayMatch(fields.get('b'), query)) continue;
      const subject = readable(id, () => decodeAnomalySubject(fields), logger);
      if (subject === undefined || !matchesSubject(subject, query)) continue;
      const anomaly = decode(id, fields, logger);
      if (anomaly !== undefined && matchesText(anomaly, query)) matching.push({ position: id, anomaly });
    }
    if (before === undefined) return;
    yield { found: await withVerdicts(redis, matching, query.verdict), scanned: entries.length, last: before };
    if (entries.length < step) return;
  }
}

/** Events may run ahead of the clock by a bounded time only: what was written before cannot have happened later. */
const oldestId = (from: number | undefined): string =>
  from === undefined ? '-' : String(Math.max(0, from - MAX_CLOCK_SKEW_MS - CLOCK_MARGIN_MS));

async function withVerdicts(
  redis: Redis,
  anomalies: readonly Omit<FoundAnomaly, 'verdict'>[],
  wanted: VerdictFilter | undefined,
): Promise<FoundAnomaly[]> {
  const ids = anomalies.map(({ anomaly }) => idOf(anomaly));
  const verdicts = await lastVerdicts(redis, ids);
  return anomalies
    .map((one, index) => ({ ...one, verdict: verdicts.get(ids[index]!) }))
    .filter(({ verdict }) => wanted === undefined || (verdict?.verdict ?? 'none') === wanted);
}

/** The anomaly of an id; undefined where the stream does not hold it (any more). */
export async function findAnomaly(redis: Redis, id: string, logger: Logger): Promise<AnomalyEntry | undefined> {
  const [indexed, taken] = await Promise.all([
    readIndex(redis, [id]),
    redis.hget(cursorKey('incidents', 0), 'anomalies'),
  ]);
  const position = indexed.get(id)?.position;
  if (position === undefined) return findAfter(redis, id, taken ?? '0-0', logger);
  const [entry] = await redis.xrangeBuffer(anomaliesKey, position, position);
  return entry && decode(position, toEntry(entry).fields, logger);
}

/** Among those that are not in the index of the incidents yet, of which there are few. */
async function findAfter(redis: Redis, id: string, after: string, logger: Logger): Promise<AnomalyEntry | undefined> {
  for (let end = '+'; ; ) {
    const entries = await redis.xrevrangeBuffer(anomaliesKey, end, `(${after}`, 'COUNT', SCAN_STEP);
    for (const raw of entries) {
      const entry = toEntry(raw);
      end = `(${entry.id}`;
      const subject = readable(entry.id, () => decodeAnomalySubject(entry.fields), logger);
      if (subject !== undefined && idOf(subject) === id) return decode(entry.id, entry.fields, logger);
    }
    if (entries.length < SCAN_STEP) return undefined;
  }
}

export const decode = (id: string, fields: ReadonlyMap<string, Buffer>, logger: Logger): AnomalyEntry | undefined =>
  readable(id, () => decodeAnomalyEntry(fields), logger);

/** One entry that can't be read must not hide all others. */
function readable<T>(id: string, read: () => T, logger: Logger): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UndecodableError)) throw error;
    logger.warn({ err: error, id }, 'anomaly can not be read and is left out');
    return undefined;
  }
}
