import { toEntry } from '@liminal/shared/adapters/stream-worker';
import { type AnomalyEntry, decodeAnomalyEntry, type ENTITIES } from '@liminal/shared/contracts/anomaly-entry';
import { anomaliesKey } from '@liminal/shared/contracts/keys';
import { SEVERITIES, type Severity } from '@liminal/shared/contracts/prediction';
import { anomalyId } from '@liminal/shared/contracts/prediction-batch';
import { seriesName } from '@liminal/shared/contracts/series';
import { seriesAnomalyId } from '@liminal/shared/contracts/series-anomaly';
import { UndecodableError } from '@liminal/shared/contracts/undecodable-error';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';

/** Entries of the stream that one query looks at: a filter that matches rarely gets its next page by the cursor. */
const SCAN_LIMIT = 10_000;
const SCAN_STEP = 500;

export interface AnomalyQuery {
  limit: number;
  minSeverity: Severity;
  /** Only those of users, or of series. */
  entity?: (typeof ENTITIES)[number] | undefined;
  user?: string | undefined;
  series?: string | undefined;
  /** Stream id: only older anomalies. */
  before?: string | undefined;
}

export interface AnomalyPage {
  /** Newest first. May hold fewer than asked for, or none, although there is a next page. */
  anomalies: AnomalyEntry[];
  /** `before` of the next page; null = this was the last one. */
  next: string | null;
}

/** Reads the stream of anomalies from its new end, filtered. */
export async function findAnomalies(redis: Redis, query: AnomalyQuery, logger: Logger): Promise<AnomalyPage> {
  const anomalies: AnomalyEntry[] = [];
  let before = query.before;
  for (let scanned = 0; scanned < SCAN_LIMIT; ) {
    const end = before === undefined ? '+' : `(${before}`;
    const count = isFiltered(query) ? SCAN_STEP : query.limit - anomalies.length;
    const entries = await redis.xrevrangeBuffer(anomaliesKey, end, '-', 'COUNT', count);
    for (const raw of entries) {
      const { id, fields } = toEntry(raw);
      before = id;
      const anomaly = decode(id, fields, logger);
      if (anomaly === undefined || !matches(anomaly, query)) continue;
      anomalies.push(anomaly);
      if (anomalies.length === query.limit) return { anomalies, next: before };
    }
    if (entries.length < count) return { anomalies, next: null };
    scanned += entries.length;
  }
  return { anomalies, next: before ?? null };
}

/**
 * The anomaly of an id, looked for from the new end on: what is judged is mostly new. Undefined where the stream does not
 * hold it (any more).
 */
export async function findAnomaly(redis: Redis, id: string, logger: Logger): Promise<AnomalyEntry | undefined> {
  for (let end = '+'; ; ) {
    const entries = await redis.xrevrangeBuffer(anomaliesKey, end, '-', 'COUNT', SCAN_STEP);
    for (const raw of entries) {
      const entry = toEntry(raw);
      end = `(${entry.id}`;
      const anomaly = decode(entry.id, entry.fields, logger);
      if (anomaly !== undefined && idOf(anomaly) === id) return anomaly;
    }
    if (entries.length < SCAN_STEP) return undefined;
  }
}

const idOf = ({ entity, record }: AnomalyEntry): string =>
  entity === 'user' ? anomalyId(record) : seriesAnomalyId(seriesName(record), record.minute);

const rank = (severity: Severity): number => SEVERITIES.indexOf(severity);

const isFiltered = ({ entity, user, series, minSeverity }: AnomalyQuery): boolean =>
  (entity ?? user ?? series) !== undefined || rank(minSeverity) > rank('warning');

function matches(anomaly: AnomalyEntry, { entity, user, series, minSeverity }: AnomalyQuery): boolean {
  if (rank(anomaly.record.severity) < rank(minSeverity)) return false;
  if (entity !== undefined && anomaly.entity !== entity) return false;
  if (user !== undefined && !(anomaly.entity === 'user' && anomaly.record.user === user)) return false;
  return series === undefined || (anomaly.entity === 'series' && seriesName(anomaly.record) === series);
}

/** One entry that can't be read must not hide all others. */
function decode(id: string, fields: ReadonlyMap<string, Buffer>, logger: Logger): AnomalyEntry | undefined {
  try {
    return decodeAnomalyEntry(fields);
  } catch (error) {
    if (!(error instanceof UndecodableError)) throw error;
    logger.warn({ err: error, id }, 'anomaly can not be read and is left out');
    return undefined;
  }
}
