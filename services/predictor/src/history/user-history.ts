import { decodeHistory } from '@liminal/shared/contracts/history-vector';
import { userHistoryKey } from '@liminal/shared/contracts/keys';
import { isAnomaly, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import type { Redis } from 'ioredis';

/** Vectors kept of a user: 1 KB in Redis, enough for a median and deciles. */
export const HISTORY_LENGTH = 32;
/** Long enough to know a user again who comes once a week. */
export const HISTORY_TTL_SECONDS = 8 * 86_400;

/** The first vectors of a user are all kept, later ones further and further apart, at last this many. */
const WIDEST_STEP = 32;
const DENSE_UNTIL = 16;

/**
 * Whether a vector is kept in the history of its user: every one at first, so that new users have a history soon, then every
 * 2nd from the 16th, every 4th from the 32nd … every 32nd from the 256th: the last 32 then reach over 1,000 vectors, three
 * hours of activity and more, and 1 commit in 32 writes to the history. Anomalies never are, held back or not: what is unusual does not
 * become usual by lasting. Depends on the vector alone, so that a batch which is committed again writes the same.
 */
export function belongsToHistory(record: PredictionRecord): boolean {
  return !isAnomaly(record) && record.suppressed === undefined && record.seq % stepAt(record.seq) === 0;
}

function stepAt(seq: number): number {
  let step = 1;
  while (step < WIDEST_STEP && seq >= DENSE_UNTIL * step) step *= 2;
  return step;
}

/** Features of earlier vectors of each user of a partition, row-major [vectors, 7], newest first; empty where nothing is kept. */
export async function readHistories(
  redis: Redis,
  partition: number,
  users: ReadonlySet<string>,
): Promise<Map<string, Float32Array<ArrayBuffer>>> {
  const histories = new Map<string, Float32Array<ArrayBuffer>>();
  if (users.size === 0) return histories;
  const names = [...users];
  const pipeline = redis.pipeline();
  for (const user of names) pipeline.lrangeBuffer(userHistoryKey(partition, user), 0, -1);
  const replies = (await pipeline.exec())!;
  for (const [index, [error, entries]] of replies.entries()) {
    if (error !== null) throw error;
    histories.set(names[index]!, decodeHistory(entries as Buffer[]));
  }
  return histories;
}
