import { setImmediate as nextTurn } from 'node:timers/promises';
import { decodeFeatureVector, FEATURE_COUNT, type FeatureVector } from '@liminal/shared/contracts/feature-vector';
import { decodeHistory } from '@liminal/shared/contracts/history-vector';
import { featuresKey, streamKey, userHistoryKey } from '@liminal/shared/contracts/keys';
import { partitionOf } from '@liminal/shared/contracts/partition';
import { decodePredictions, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import type { Redis } from 'ioredis';

const MOST_RECENT = 50;
/** Entries of the partition's predictions that are looked through, a few in each turn of the event loop. */
const MOST_ENTRIES = 200;
const STEP = 10;

export interface UserHistory {
  newest: FeatureVector | null;
  /** Features of earlier vectors that raised no alarm, newest first, thinned out the further back. */
  usual: Float32Array[];
  /** The last predictions of the user that are still in the stream, newest first. */
  recent: PredictionRecord[];
}

/** What is kept of a user beside the anomaly. */
export async function readUserHistory(redis: Redis, user: string, partitions: number): Promise<UserHistory> {
  const partition = partitionOf(user, partitions);
  const [newest, usual, recent] = await Promise.all([
    redis.getBuffer(featuresKey(partition, user)),
    redis.lrangeBuffer(userHistoryKey(partition, user), 0, -1),
    recentPredictions(redis, user, partition),
  ]);
  return { newest: newest && decodeFeatureVector(newest), usual: rowsOf(decodeHistory(usual)), recent };
}

const rowsOf = (vectors: Float32Array): Float32Array[] =>
  Array.from({ length: vectors.length / FEATURE_COUNT }, (_, row) =>
    vectors.subarray(row * FEATURE_COUNT, (row + 1) * FEATURE_COUNT),
  );

async function recentPredictions(redis: Redis, user: string, partition: number): Promise<PredictionRecord[]> {
  const recent: PredictionRecord[] = [];
  let end = '+';
  for (let looked = 0; looked < MOST_ENTRIES; looked += STEP) {
    const entries = await redis.xrevrangeBuffer(streamKey('predictions', partition), end, '-', 'COUNT', STEP);
    for (const [id, fields] of entries) {
      end = `(${id.toString()}`;
      recent.push(
        ...decodePredictions(fields[1]!)
          .filter((record) => record.user === user)
          .reverse(),
      );
    }
    if (recent.length >= MOST_RECENT || entries.length < STEP) break;
    await nextTurn();
  }
  return recent.slice(0, MOST_RECENT);
}
