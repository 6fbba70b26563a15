import { toEntry } from '@liminal/shared/adapters/stream-worker';
import { anomaliesKey, streamKey } from '@liminal/shared/contracts/keys';
import { SEVERITIES, type Severity } from '@liminal/shared/contracts/prediction';
import { decodePredictions, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import type { Redis } from 'ioredis';

const ENTRIES_PER_PAGE = 100;
/** Older entries than this many are not looked at for a rare severity. */
const MAX_PAGES = 50;

/**
 * The newest predictions of at least a severity, by the time of scoring. Those of every severity come from the
 * partitions' streams, the others from the stream of anomalies.
 */
export async function newestPredictions(
  redis: Redis,
  partitions: number,
  limit: number,
  minSeverity: Severity,
): Promise<PredictionRecord[]> {
  const keys =
    minSeverity === 'none'
      ? Array.from({ length: partitions }, (_, partition) => streamKey('predictions', partition))
      : [anomaliesKey];
  const least = SEVERITIES.indexOf(minSeverity);
  const found = await Promise.all(keys.map((key) => newestOf(redis, key, limit, least)));
  return found
    .flat()
    .sort((left, right) => right.scoredAt - left.scoredAt || right.ts - left.ts)
    .slice(0, limit);
}

async function newestOf(redis: Redis, key: string, limit: number, least: number): Promise<PredictionRecord[]> {
  const found: PredictionRecord[] = [];
  let before = '+';
  for (let page = 0; page < MAX_PAGES; page++) {
    const count = Math.min(limit, ENTRIES_PER_PAGE);
    const entries = await redis.xrevrangeBuffer(key, before, '-', 'COUNT', count);
    for (const { id, fields } of entries.map(toEntry)) {
      before = `(${id}`;
      // The stream of anomalies holds those of series as well.
      if (fields.has('entity')) continue;
      const records = decodePredictions(fields.get('b')!).reverse();
      found.push(...records.filter((record) => SEVERITIES.indexOf(record.severity) >= least));
      if (found.length >= limit) return found;
    }
    if (entries.length < count) break;
  }
  return found;
}
