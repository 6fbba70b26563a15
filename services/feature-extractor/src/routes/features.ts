import { decodeFeatureVector, LOAD_HISTORY_MINUTES, VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import { featuresKey } from '@liminal/shared/contracts/keys';
import { partitionOf } from '@liminal/shared/contracts/partition';
import { namedFeatures, namedFeaturesSchema, observed } from '@liminal/shared/contracts/prediction';
import type { HttpServer } from '@liminal/shared/runtime/http-server';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { errors } from '../errors.ts';

const featuresSchema = z.object({
  user: z.string(),
  ts: z.int(),
  seq: z.int(),
  features: namedFeaturesSchema,
  loadHistory: z.array(z.number().nullable()),
});

export function addFeaturesRoutes(http: HttpServer, redis: Redis, partitions: number): void {
  http.get(
    '/features/:user',
    {
      schema: {
        tags: ['features'],
        summary: 'The newest feature vector of a user, as the predictor gets it',
        params: z.object({ user: z.string().min(1) }),
        response: { 200: featuresSchema },
      },
    },
    async ({ params: { user } }) => {
      const bytes = await redis.getBuffer(featuresKey(partitionOf(user, partitions), user));
      if (bytes === null) throw errors('LIMINAL_ERR_FEATURES_UNKNOWN_USER', { user });
      const { ts, seq, values } = decodeFeatureVector(bytes);
      const loadHistory = [...values.subarray(VECTOR_LENGTH - LOAD_HISTORY_MINUTES)].map(observed);
      return { user, ts, seq, features: namedFeatures(values), loadHistory };
    },
  );
}
