import { VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import { modelNameSchema, modelScoreSchema } from '@liminal/shared/contracts/prediction';
import { releaseIdSchema } from '@liminal/shared/contracts/release';
import { toFeatures, vectorsSchema } from '@liminal/shared/contracts/vector-body';
import { ReleaseIncompleteError } from '@liminal/shared/release/release-errors';
import type { HttpServer } from '@liminal/shared/runtime/http-server';
import { z } from 'zod';
import { errors } from '../errors.ts';
import type { Metrics } from '../metrics.ts';
import type { ReleaseRegistry } from '../registry/release-registry.ts';
import type { ReleaseScorer } from '../serving/release-scorer.ts';
import { orStoreAway } from './releases.ts';

const scoredSchema = z.object({
  scores: z.partialRecord(modelNameSchema, modelScoreSchema),
  pValue: z.number(),
});

export function addPredictRoutes(
  http: HttpServer,
  { registry, scorer, metrics }: { registry: ReleaseRegistry; scorer: ReleaseScorer; metrics: Metrics },
): void {
  http.post(
    '/predict',
    {
      schema: {
        tags: ['predictions'],
        summary: 'Scores vectors with any release, to compare them; the predictor is the one for live traffic',
        body: z.strictObject({
          vectors: vectorsSchema,
          release: releaseIdSchema.optional().describe('The serving one unless given'),
        }),
        response: {
          200: z.object({ release: z.string(), provisional: z.boolean(), predictions: z.array(scoredSchema) }),
        },
      },
    },
    async ({ body }) => {
      const release = body.release ?? (await orStoreAway(() => registry.pointer('production')))?.release;
      if (release === undefined) throw errors('LIMINAL_ERR_RELEASE_NONE', { retryAfterSeconds: 5 });
      const vectors = new Float32Array(body.vectors.length * VECTOR_LENGTH).fill(Number.NaN);
      for (const [row, vector] of body.vectors.entries()) vectors.set(toFeatures(vector), row * VECTOR_LENGTH);
      try {
        const { manifest, rows } = await orStoreAway(() => scorer.score(release, vectors));
        metrics.scoredVectors.inc(rows.length);
        return { release: manifest.id, provisional: manifest.provisional, predictions: rows };
      } catch (error) {
        if (!(error instanceof ReleaseIncompleteError)) throw error;
        throw errors('LIMINAL_ERR_RELEASE_UNKNOWN', { release }, { cause: error });
      }
    },
  );
}
