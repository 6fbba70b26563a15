import { anomaliesKey } from '@liminal/shared/contracts/keys';
import { SEVERITIES, type Severity } from '@liminal/shared/contracts/prediction';
import { decodePrediction, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import { UndecodableError } from '@liminal/shared/contracts/undecodable-error';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';

/** Entries of the stream that one query looks at: a filter that matches rarely gets its next page by the cursor. */
const SCAN_LIMIT = 10_000;
const SCAN_STEP = 500;

export interface AnomalyQuery {
  limit: number;
  minSeverity: Severity;
  user?: string | undefined;
  /** Stream id: only older anomalies. */
  before?: string | undefined;
}

export interface AnomalyPage {
  /** Newest first. May hold fewer than asked for, or none, although there is a next page. */
  anomalies: PredictionRecord[];
  /** `before` of the next page; null = this was the last one. */
  next: string | null;
}

/** Reads the stream of anomalies from its new end, filtered. */
export async function findAnomalies(redis: Redis, query: AnomalyQuery, logger: Logger): Promise<AnomalyPage> {
  const anomalies: PredictionRecord[] = [];
  let before = query.before;
  for (let scanned = 0; scanned < SCAN_LIMIT; ) {
    const end = before === undefined ? '+' : `(${before}`;
    const count = isFiltered(query) ? SCAN_STEP : query.limit - anomalies.length;
    const entries = await redis.xrevrangeBuffer(anomaliesKey, end, '-', 'COUNT', count);
    for (const [id, fields] of entries) {
      before = id.toString();
      const record = decode(before, fields, logger);
      if (record === undefined || !matches(record, query)) continue;
      anomalies.push(record);
      if (anomalies.length === query.limit) return { anomalies, next: before };
    }
    if (entries.length < count) return { anomalies, next: null };
    scanned += entries.length;
  }
  return { anomalies, next: before ?? null };
}

const rank = (severity: Severity): number => SEVERITIES.indexOf(severity);

const isFiltered = ({ user, minSeverity }: AnomalyQuery): boolean =>
  user !== undefined || rank(minSeverity) > rank('warning');

const matches = (record: PredictionRecord, { user, minSeverity }: AnomalyQuery): boolean =>
  rank(record.severity) >= rank(minSeverity) && (user === undefined || record.user === user);

/** One entry that can't be read must not hide all others. */
function decode(id: string, fields: readonly Buffer[], logger: Logger): PredictionRecord | undefined {
  const name = fields.findIndex((field, index) => index % 2 === 0 && field.toString() === 'b');
  try {
    return decodePrediction(fields[name + 1] ?? Buffer.alloc(0));
  } catch (error) {
    if (!(error instanceof UndecodableError)) throw error;
    logger.warn({ err: error, id }, 'anomaly can not be read and is left out');
    return undefined;
  }
}
