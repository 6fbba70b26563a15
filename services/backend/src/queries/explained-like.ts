import type { AnomalyEntry } from '@liminal/shared/contracts/anomaly-entry';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { timeOf } from '../anomalies/anomaly-filter.ts';
import { EPISODE_GAP_MS } from '../feedback/thresholds.ts';
import { findAnomalies } from './anomalies.ts';

/** Of the user's alarms around it. */
const MOST_LOOKED_AT = 1_000;

/**
 * The anomaly, with the explanation of the same user's alarm nearest in time where it has none of its own: of many at once
 * only some are explained, and those of one user within an hour are about the same features. As it is where there is none.
 */
export async function explainedLike(redis: Redis, anomaly: AnomalyEntry, logger: Logger): Promise<AnomalyEntry> {
  if (anomaly.entity === 'series' || typeof anomaly.explanation !== 'string') return anomaly;
  const { user, ts } = anomaly.record;
  const { found } = await findAnomalies(
    redis,
    {
      entity: 'user',
      user,
      minSeverity: 'none',
      from: ts - EPISODE_GAP_MS,
      to: ts + EPISODE_GAP_MS,
      limit: MOST_LOOKED_AT,
    },
    logger,
  );
  const away = (other: AnomalyEntry): number => Math.abs(timeOf(other) - ts);
  const [nearest] = found
    .flatMap(({ anomaly: other }) => (other.entity === 'user' && typeof other.explanation !== 'string' ? [other] : []))
    .sort((left, right) => away(left) - away(right));
  return nearest === undefined ? anomaly : { ...anomaly, explanation: nearest.explanation };
}
