import { FEATURE_COUNT } from '@liminal/shared/contracts/feature-vector';
import {
  namedFeatures,
  namedFeaturesSchema,
  observed,
  servedPredictionSchema,
} from '@liminal/shared/contracts/prediction';
import { toPrediction } from '@liminal/shared/contracts/prediction-batch';
import { errorBodySchema, type HttpServer } from '@liminal/shared/runtime/http-server';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { errors } from '../errors.ts';
import { isStale } from '../queries/staleness.ts';
import { readUser } from '../queries/users.ts';

const userSchema = z.object({
  user: z.string(),
  features: z
    .object({
      ts: z.int().describe('Event time of the vector, ms since the epoch'),
      seq: z.int().describe('Number of the vector among the vectors of the user'),
      values: namedFeaturesSchema,
      loadHistory: z
        .array(z.number().nullable())
        .describe('Requests per minute over the last 33 whole minutes, oldest first'),
    })
    .nullable()
    .describe('Newest feature vector; null = no longer kept'),
  prediction: servedPredictionSchema.nullable().describe('Newest prediction; null = not scored yet, or no longer kept'),
});

export interface UsersRoutesOptions {
  redis: Redis;
  partitions: number;
  predictionTtlSeconds: number;
  now(): number;
}

export function addUsersRoutes(http: HttpServer, options: UsersRoutesOptions): void {
  const { redis, partitions, predictionTtlSeconds, now } = options;
  http.get(
    '/ml/users/:user',
    {
      schema: {
        tags: ['users'],
        summary: 'What is known about a user: the newest features and the newest prediction',
        params: z.object({ user: z.string().min(1) }),
        response: { 200: userSchema, 404: errorBodySchema },
      },
    },
    async ({ params: { user } }) => {
      const { features, prediction } = await readUser(redis, user, partitions);
      if (features === null && prediction === null) throw errors('LIMINAL_ERR_USER_UNKNOWN', { user });
      return {
        user,
        features: features && {
          ts: features.ts,
          seq: features.seq,
          values: namedFeatures(features.values),
          loadHistory: [...features.values.subarray(FEATURE_COUNT)].map(observed),
        },
        prediction: prediction && {
          ...toPrediction(prediction),
          stale: isStale(prediction, now(), predictionTtlSeconds),
        },
      };
    },
  );
}
