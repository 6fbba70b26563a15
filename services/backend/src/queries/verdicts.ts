import { toEntry } from '@liminal/shared/adapters/stream-worker';
import { verdictsKey, verdictsOfKey } from '@liminal/shared/contracts/keys';
import { decodeJudgedAnomaly, type JudgedAnomaly } from '@liminal/shared/contracts/verdict';
import type { Redis } from 'ioredis';

/** What was said of an anomaly, oldest first. */
export async function verdictsOf(redis: Redis, anomaly: string): Promise<JudgedAnomaly[]> {
  const ids = await redis.lrange(verdictsOfKey(anomaly), 0, -1);
  const entries = await Promise.all(ids.map((id) => redis.xrangeBuffer(verdictsKey, id, id)));
  return entries.flat().map((entry) => decodeJudgedAnomaly(toEntry(entry).fields));
}
