import { predictionKey } from '@liminal/shared/contracts/keys';
import { decodePrediction, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import { UndecodableError } from '@liminal/shared/contracts/undecodable-error';
import type { Redis } from 'ioredis';

/** The newest prediction of each of these users of a partition; none of a user whose last one is no longer kept. */
export async function newestOfUsers(
  redis: Redis,
  partition: number,
  users: ReadonlySet<string>,
): Promise<Map<string, PredictionRecord>> {
  const newest = new Map<string, PredictionRecord>();
  if (users.size === 0) return newest;
  const names = [...users];
  const found = await redis.mgetBuffer(names.map((user) => predictionKey(partition, user)));
  for (const [index, bytes] of found.entries()) {
    const record = bytes && decodedOrNull(bytes);
    if (record !== null) newest.set(names[index]!, record);
  }
  return newest;
}

/** What another version wrote is about to be replaced: it must not hold up the partition. */
function decodedOrNull(bytes: Uint8Array): PredictionRecord | null {
  try {
    return decodePrediction(bytes);
  } catch (error) {
    if (error instanceof UndecodableError) return null;
    throw error;
  }
}
