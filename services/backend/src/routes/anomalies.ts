import { type AnomalyEntry, ENTITIES } from '@liminal/shared/contracts/anomaly-entry';
import {
  type Language,
  languageSchema,
  storedExplanationSchema,
  toStoredExplanation,
  UNEXPLAINED_REASONS,
} from '@liminal/shared/contracts/explanation';
import { anomalySchema, severitySchema } from '@liminal/shared/contracts/prediction';
import { toAnomaly } from '@liminal/shared/contracts/prediction-batch';
import { seriesAnomalySchema, toSeriesAnomaly } from '@liminal/shared/contracts/series-anomaly';
import type { HttpServer } from '@liminal/shared/runtime/http-server';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { z } from 'zod';
import { findAnomalies } from '../queries/anomalies.ts';
import { isStale } from '../queries/staleness.ts';

const querySchema = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  minSeverity: severitySchema.default('warning'),
  entity: z.enum(ENTITIES).optional().describe('Only anomalies of users, or only those of series of the platform'),
  user: z.string().min(1).optional().describe('Only anomalies of this user'),
  series: z.string().min(1).optional().describe('Only anomalies of this series'),
  lang: languageSchema.default('en').describe('Of the summaries'),
  before: z
    .string()
    .regex(/^\d{1,20}-\d{1,20}$/, 'must be the next of an earlier page')
    .optional()
    .describe('next of the page before this one'),
});

const stale = z.boolean().describe('Older than the time to live: history, not the present');

const userAnomalySchema = anomalySchema.extend({
  summary: z.string().nullable().describe('What is unusual, in one sentence'),
  explanation: storedExplanationSchema.nullable(),
  unexplained: z
    .enum(UNEXPLAINED_REASONS)
    .nullable()
    .describe('Why there is no explanation: POST /explain of the predictor gives one at any time'),
  traceId: z.string().optional().describe('Of the traced call that brought it about; most calls are not traced'),
  stale,
});

const pageSchema = z.object({
  anomalies: z.array(z.discriminatedUnion('entity', [userAnomalySchema, seriesAnomalySchema.extend({ stale })])),
  next: z
    .string()
    .nullable()
    .describe('before of the next page; null = no more. A page may be short although another one follows'),
});

export interface AnomaliesRoutesOptions {
  redis: Redis;
  predictionTtlSeconds: number;
  now(): number;
  logger: Logger;
}

export function addAnomaliesRoutes(http: HttpServer, options: AnomaliesRoutesOptions): void {
  const { redis, predictionTtlSeconds, now, logger } = options;
  http.get(
    '/ml/anomalies',
    {
      schema: {
        tags: ['anomalies'],
        summary: 'Anomalies, newest first',
        querystring: querySchema,
        response: { 200: pageSchema },
      },
    },
    async ({ query }) => {
      const { anomalies, next } = await findAnomalies(redis, query, logger);
      const at = now();
      return {
        anomalies: anomalies.map((anomaly) => ({
          ...(anomaly.entity === 'user' ? toUserAnomaly(anomaly, query.lang) : toSeriesAnomaly(anomaly.record)),
          stale: isStale(anomaly.record, at, predictionTtlSeconds),
        })),
        next,
      };
    },
  );
}

function toUserAnomaly({ record, explanation, traceId }: Extract<AnomalyEntry, { entity: 'user' }>, lang: Language) {
  const anomaly = { ...toAnomaly(record), ...(traceId !== undefined && { traceId }) };
  if (typeof explanation === 'string')
    return { ...anomaly, summary: null, explanation: null, unexplained: explanation };
  const { summaries } = explanation;
  return { ...anomaly, summary: summaries[lang], explanation: toStoredExplanation(explanation), unexplained: null };
}
