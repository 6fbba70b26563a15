import { decodeFeatureVector } from '@liminal/shared/contracts/feature-vector';
import { featuresKey, predictionKey } from '@liminal/shared/contracts/keys';
import { forecastSchema, toForecast } from '@liminal/shared/contracts/load-forecast';
import { partitionOf } from '@liminal/shared/contracts/partition';
import {
  modelNameSchema,
  modelScoreSchema,
  type Severity,
  servedPredictionSchema,
  severitySchema,
} from '@liminal/shared/contracts/prediction';
import { decodePrediction, type PredictionRecord, toPrediction } from '@liminal/shared/contracts/prediction-batch';
import {
  MAX_VECTORS_PER_CALL,
  observedVectorSchema,
  toVector,
  vectorsSchema,
} from '@liminal/shared/contracts/vector-body';
import type { OpenRelease, ScoredVector } from '@liminal/shared/release/open-release';
import type { HttpServer } from '@liminal/shared/runtime/http-server';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { severityOf } from '../alarms/severity.ts';
import type { Config } from '../config.ts';
import { errors } from '../errors.ts';
import type { MicroBatcher, UnscoredVector } from '../scoring/micro-batcher.ts';
import { newestPredictions } from '../scoring/newest-predictions.ts';

const bodySchema = z.union(
  [observedVectorSchema, z.strictObject({ vectors: vectorsSchema }), z.strictObject({ user: z.string().min(1) })],
  { error: `must be {"features": …}, {"vectors": [… up to ${MAX_VECTORS_PER_CALL}]} or {"user": "…"}` },
);

const scoredSchema = z.object({
  user: z.string().optional(),
  ts: z.int().optional(),
  scores: z.partialRecord(modelNameSchema, modelScoreSchema),
  pValue: z.number(),
  forecast: forecastSchema.nullable().describe('Of the load in the minute of the vector; null without a load history'),
  severity: severitySchema,
  anomaly: z.boolean(),
  release: z.string(),
  provisional: z.boolean(),
});
type Scored = z.infer<typeof scoredSchema>;

const listSchema = z.object({
  predictions: z.array(servedPredictionSchema),
  waitingFor: z.string().optional().describe('What has to come before there are predictions'),
});

export interface PredictRoutesOptions {
  redis: Redis;
  config: Config;
  batcher: MicroBatcher;
  /** What the predictor is waiting for, while there is no release. */
  waitingFor(): string | undefined;
  now(): number;
}

export function addPredictRoutes(http: HttpServer, options: PredictRoutesOptions): void {
  const { redis, config, batcher } = options;
  const { partitions, anomalyAlertRate } = config;

  const serve = (record: PredictionRecord) => ({
    ...toPrediction(record),
    stale: options.now() - record.scoredAt > config.predictionTtlSeconds * 1000,
  });

  http.get(
    '/predict',
    {
      schema: {
        tags: ['predictions'],
        summary: 'The latest predictions of all users, newest first',
        querystring: z.strictObject({
          limit: z.coerce.number().int().min(1).max(200).default(50),
          minSeverity: severitySchema.default('none'),
        }),
        response: { 200: listSchema },
      },
    },
    async ({ query: { limit, minSeverity } }) => {
      const predictions = (await newestPredictions(redis, partitions, limit, minSeverity)).map(serve);
      if (predictions.length > 0) return { predictions };
      const nothingYet =
        minSeverity === 'none'
          ? 'events: send them to POST /events of the backend'
          : `predictions of severity ${minSeverity} or more`;
      return { predictions, waitingFor: options.waitingFor() ?? nothingYet };
    },
  );

  http.get(
    '/predict/:user',
    {
      schema: {
        tags: ['predictions'],
        summary: 'The latest prediction of a user',
        params: z.object({ user: z.string().min(1) }),
        response: { 200: servedPredictionSchema },
      },
    },
    async ({ params: { user } }) => {
      const bytes = await redis.getBuffer(predictionKey(partitionOf(user, partitions), user));
      if (bytes === null) throw errors('LIMINAL_ERR_PREDICTION_UNKNOWN_USER', { user });
      return serve(decodePrediction(bytes));
    },
  );

  http.post(
    '/predict',
    {
      schema: {
        tags: ['predictions'],
        summary: 'Scores vectors, or the newest vector of a user, with the release that serves now',
        body: bodySchema,
        response: { 200: z.object({ predictions: z.array(scoredSchema) }) },
      },
      // The answer is built here, field by field: checking it again cost as much as the scoring.
      serializerCompiler: () => JSON.stringify,
    },
    async ({ body }): Promise<{ predictions: Scored[] }> => {
      if ('features' in body) return { predictions: [await score(toVector(body))] };
      if ('vectors' in body) return { predictions: await Promise.all(body.vectors.map((v) => score(toVector(v)))) };
      const { user } = body;
      const bytes = await redis.getBuffer(featuresKey(partitionOf(user, partitions), user));
      if (bytes === null) throw errors('LIMINAL_ERR_PREDICTION_UNKNOWN_USER', { user });
      const vector = decodeFeatureVector(bytes);
      return { predictions: [{ user, ts: vector.ts, ...(await score(vector)) }] };
    },
  );

  async function score(vector: UnscoredVector): Promise<Scored> {
    const { scored, release } = await batcher.score(vector);
    return toScored(scored, release, severityOf(scored.pValue, anomalyAlertRate, release.isProvisional));
  }
}

function toScored({ scores, pValue, forecast }: ScoredVector, release: OpenRelease, severity: Severity): Scored {
  const { id, isProvisional } = release;
  return {
    scores,
    pValue,
    forecast: forecast && toForecast(forecast),
    severity,
    anomaly: severity !== 'none',
    release: id,
    provisional: isProvisional,
  };
}
