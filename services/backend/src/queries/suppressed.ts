import { anomaliesKey, suppressedKey, suppressionHitsKey } from '@liminal/shared/contracts/keys';
import type { SuppressionReason } from '@liminal/shared/contracts/prediction';
import { anomalyId, decodePrediction, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { RecentAlarm } from '../feedback/rule-limits.ts';
import { type Page, readPage } from './stream-pages.ts';

export interface SuppressedQuery {
  limit: number;
  before?: string | undefined;
  rule?: string | undefined;
  user?: string | undefined;
  reason?: SuppressionReason | undefined;
}

/** What would have alarmed and was held back, newest first. */
export function findSuppressed(
  redis: Redis,
  { limit, before, rule, user, reason }: SuppressedQuery,
  logger: Logger,
): Promise<Page<PredictionRecord>> {
  return readPage(
    redis,
    suppressedKey,
    {
      limit,
      before,
      decode: ({ fields }) => decodePrediction(fields.get('b') ?? Buffer.alloc(0)),
      matches: (record) =>
        (rule === undefined || record.suppressed?.rule === rule) &&
        (user === undefined || record.user === user) &&
        (reason === undefined || record.suppressed?.reason === reason),
    },
    logger,
  );
}

/** The one of an id; undefined where it is not kept (any more). */
export async function findSuppressedById(
  redis: Redis,
  id: string,
  logger: Logger,
): Promise<PredictionRecord | undefined> {
  for (let before: string | undefined; ; ) {
    const page = await readPage(
      redis,
      suppressedKey,
      {
        limit: 1,
        before,
        decode: ({ fields }) => decodePrediction(fields.get('b') ?? Buffer.alloc(0)),
        matches: (record) => anomalyId(record) === id,
      },
      logger,
    );
    if (page.items.length > 0 || page.next === null) return page.items[0];
    before = page.next;
  }
}

/** The newest alarms of users, which a new rule is tried on. */
export async function recentAlarms(redis: Redis, limit: number, logger: Logger): Promise<RecentAlarm[]> {
  const { items } = await readPage(
    redis,
    anomaliesKey,
    {
      limit,
      decode: ({ fields }) =>
        fields.get('entity')?.toString() === 'series'
          ? undefined
          : decodePrediction(fields.get('b') ?? Buffer.alloc(0)),
      matches: (record) => record !== undefined,
    },
    logger,
  );
  return items.map((record) => {
    const { user, ts, values } = record!;
    return { id: anomalyId(record!), user, ts, values };
  });
}

export interface Hits {
  count: number;
  /** Event time of the newest, ms since the epoch. */
  lastTs: number | null;
}

/** What was held back, by rule or by threshold. */
export async function readHits(redis: Redis): Promise<(by: string) => Hits> {
  const stored = await redis.hgetall(suppressionHitsKey);
  return (by) => {
    const last = stored[`${by}:last`];
    return { count: Number(stored[`${by}:count`] ?? 0), lastTs: last === undefined ? null : Number(last) };
  };
}
