import { toEntry } from '@liminal/shared/adapters/stream-worker';
import { verdictsKey, verdictsOfKey } from '@liminal/shared/contracts/keys';
import { decodeJudgedAnomaly, type Verdict } from '@liminal/shared/contracts/verdict';
import type { Redis } from 'ioredis';

/** The verdict that counts, of each of the anomalies that somebody has judged, by the anomaly's id. */
export async function lastVerdicts(redis: Redis, anomalies: readonly string[]): Promise<Map<string, Verdict>> {
  const verdicts = new Map<string, Verdict>();
  if (anomalies.length === 0) return verdicts;
  const pipeline = redis.pipeline();
  for (const anomaly of anomalies) pipeline.lindex(verdictsOfKey(anomaly), -1);
  const ids = (await repliesOf(pipeline)).filter((id) => id !== null) as string[];
  if (ids.length === 0) return verdicts;
  const reading = redis.pipeline();
  for (const id of ids) reading.xrangeBuffer(verdictsKey, id, id);
  for (const entries of (await repliesOf(reading)) as [Buffer, Buffer[]][][]) {
    for (const entry of entries) {
      const { verdict } = decodeJudgedAnomaly(toEntry(entry).fields);
      verdicts.set(verdict.anomaly, verdict);
    }
  }
  return verdicts;
}

async function repliesOf(pipeline: ReturnType<Redis['pipeline']>): Promise<unknown[]> {
  const replies = (await pipeline.exec())!;
  return replies.map(([error, reply]) => {
    if (error !== null) throw error;
    return reply;
  });
}
