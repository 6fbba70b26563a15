import { forecastSchema, toForecast } from '@liminal/shared/contracts/load-forecast';
import { modelInputs } from '@liminal/shared/contracts/model-input';
import { modelNameSchema, modelScoreSchema } from '@liminal/shared/contracts/prediction';
import { releaseIdSchema } from '@liminal/shared/contracts/release';
import { toVector, vectorsSchema } from '@liminal/shared/contracts/vector-body';
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
  forecast: forecastSchema.nullable().describe('Of the load in the minute of the vector; null without a load history'),
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
      const vectors = modelInputs(body.vectors.map(toVector));
      try {
        const { manifest, rows } = await orStoreAway(() => scorer.score(release, vectors));
        metrics.scoredVectors.inc(rows.length);
        const predictions = rows.map(({ scores, pValue, forecast }) => ({
          scores,
          pValue,
          forecast: forecast && toForecast(forecast),
        }));
        return { release: manifest.id, provisional: manifest.provisional, predictions };
      } catch (error) {
        if (!(error instanceof ReleaseIncompleteError)) throw error;
        throw errors('LIMINAL_ERR_RELEASE_UNKNOWN', { release }, { cause: error });
      }
    },
  );
}
