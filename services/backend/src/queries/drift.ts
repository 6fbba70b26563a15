import { type StoredDrift, storedDriftSchema } from '@liminal/shared/contracts/drift-report';
import { driftReportKey } from '@liminal/shared/contracts/keys';
import type { Redis } from 'ioredis';

/** What the auto-retrainer told last; undefined before it has looked for the first time. Throws on what it can't have written. */
export async function readDrift(redis: Redis): Promise<StoredDrift | undefined> {
  const text = await redis.get(driftReportKey);
  return text === null ? undefined : storedDriftSchema.parse(JSON.parse(text));
}
