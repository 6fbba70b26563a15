import { decodeFeatureVector, type FeatureVector } from '@liminal/shared/contracts/feature-vector';
import { featuresKey, predictionKey } from '@liminal/shared/contracts/keys';
import { partitionOf } from '@liminal/shared/contracts/partition';
import { decodePrediction, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import type { Redis } from 'ioredis';

export interface UserOverview {
  features: FeatureVector | null;
  prediction: PredictionRecord | null;
}

/** The newest of everything about a user; null where there is nothing (any more). */
export async function readUser(redis: Redis, user: string, partitions: number): Promise<UserOverview> {
  const partition = partitionOf(user, partitions);
  const [features, prediction] = await Promise.all([
    redis.getBuffer(featuresKey(partition, user)),
    redis.getBuffer(predictionKey(partition, user)),
  ]);
  return {
    features: features && decodeFeatureVector(features),
    prediction: prediction && decodePrediction(prediction),
  };
}
