import type { AnomalyEntry } from '@liminal/shared/contracts/anomaly-entry';
import { verdictBodySchema, verdictSchema } from '@liminal/shared/contracts/verdict';
import { errorBodySchema, type HttpServer } from '@liminal/shared/runtime/http-server';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { z } from 'zod';
import { errors } from '../errors.ts';
import type { Metrics } from '../metrics.ts';
import { findAnomaly } from '../queries/anomalies.ts';
import { addVerdict, verdictsOf } from '../queries/verdicts.ts';
import { anomalyParamsSchema } from '../requests/anomaly-params.ts';

const answerSchema = z.object({
  verdict: verdictSchema.nullable().describe('The last one, which counts; null = nobody has judged the anomaly'),
  history: z.array(verdictSchema).describe('All of them, oldest first'),
});

export interface VerdictsRoutesOptions {
  redis: Redis;
  metrics: Metrics;
  now(): number;
  logger: Logger;
}

export function addVerdictsRoutes(http: HttpServer, { redis, metrics, now, logger }: VerdictsRoutesOptions): void {
  http.post(
    '/ml/anomalies/:id/verdict',
    {
      schema: {
        tags: ['anomalies'],
        summary: 'Says whether an anomaly was a right alarm; a later verdict counts in place of an earlier one',
        params: anomalyParamsSchema,
        body: verdictBodySchema,
        response: { 201: verdictSchema, 404: errorBodySchema },
      },
    },
    async ({ params: { id }, body }, reply) => {
      const earlier = await verdictsOf(redis, id);
      const anomaly = earlier[0]?.anomaly ?? (await existing(id));
      const verdict = { anomaly: id, ...body, at: now() };
      await addVerdict(redis, { verdict, anomaly });
      metrics.verdicts.labels(verdict.verdict).inc();
      return reply.code(201).send(verdict);
    },
  );

  http.get(
    '/ml/anomalies/:id/verdict',
    {
      schema: {
        tags: ['anomalies'],
        summary: 'What was said of an anomaly',
        params: anomalyParamsSchema,
        response: { 200: answerSchema, 404: errorBodySchema },
      },
    },
    async ({ params: { id } }) => {
      const history = (await verdictsOf(redis, id)).map(({ verdict }) => verdict);
      if (history.length === 0) await existing(id);
      return { verdict: history.at(-1) ?? null, history };
    },
  );

  async function existing(id: string): Promise<AnomalyEntry> {
    const anomaly = await findAnomaly(redis, id, logger);
    if (anomaly === undefined) throw errors('LIMINAL_ERR_ANOMALY_UNKNOWN', { anomaly: id });
    return anomaly;
  }
}
