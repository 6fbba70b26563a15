import { ENTITIES } from '@liminal/shared/contracts/anomaly-entry';
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
  before: z
    .string()
    .regex(/^\d{1,20}-\d{1,20}$/, 'must be the next of an earlier page')
    .optional()
    .describe('next of the page before this one'),
});

const stale = z.boolean().describe('Older than the time to live: history, not the present');

const pageSchema = z.object({
  anomalies: z.array(
    z.discriminatedUnion('entity', [anomalySchema.extend({ stale }), seriesAnomalySchema.extend({ stale })]),
  ),
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
        anomalies: anomalies.map(({ entity, record }) => ({
          ...(entity === 'user' ? toAnomaly(record) : toSeriesAnomaly(record)),
          stale: isStale(record, at, predictionTtlSeconds),
        })),
        next,
      };
    },
  );
}
