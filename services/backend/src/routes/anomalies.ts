import { Readable } from 'node:stream';
import { languageSchema } from '@liminal/shared/contracts/explanation';
import { VERDICTS } from '@liminal/shared/contracts/verdict';
import { errorBodySchema, type HttpServer } from '@liminal/shared/runtime/http-server';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { z } from 'zod';
import { EXPORT_FORMATS, type ExportFormat, exportText } from '../anomalies/anomaly-export.ts';
import { filterShape, isPeriod, PERIOD_ISSUE, periodShape } from '../anomalies/anomaly-filter.ts';
import { listedAnomalySchema, toItem } from '../anomalies/anomaly-json.ts';
import { allAnomalies, findAnomalies, SCAN_LIMIT } from '../queries/anomalies.ts';
import { isStale } from '../queries/staleness.ts';
import { cursorSchema, encodeCursor } from '../requests/cursor.ts';
import { streamIdSchema } from '../requests/stream-id.ts';

const CURSOR_KIND = 'anomalies';

const queryShape = {
  ...filterShape,
  ...periodShape,
  verdict: z
    .enum([...VERDICTS, 'none'])
    .optional()
    .describe('Only anomalies whose last verdict is this; none = nobody has judged them'),
  lang: languageSchema.default('en').describe('Of the summaries'),
};

const querySchema = z
  .strictObject({
    ...queryShape,
    limit: z.coerce.number().int().min(1).max(500).default(50),
    cursor: cursorSchema(CURSOR_KIND, streamIdSchema).optional(),
  })
  .refine(isPeriod, PERIOD_ISSUE);

const pageSchema = z.object({
  anomalies: z.array(listedAnomalySchema),
  next: z
    .string()
    .nullable()
    .describe(
      `cursor of the next page; null = no more. A page looks at ${SCAN_LIMIT} anomalies at most: with a rare filter it may be short or empty although another one follows`,
    ),
});

const exportSchema = z
  .strictObject({
    ...queryShape,
    format: z.enum(Object.keys(EXPORT_FORMATS) as [ExportFormat, ...ExportFormat[]]).default('ndjson'),
  })
  .refine(isPeriod, PERIOD_ISSUE);

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
        response: { 200: pageSchema, 400: errorBodySchema },
      },
    },
    async ({ query: { cursor, ...query } }) => {
      const { found, next } = await findAnomalies(redis, { ...query, before: cursor }, logger);
      const at = now();
      return {
        anomalies: found.map(({ anomaly, verdict }) => ({
          ...toItem(anomaly, query.lang),
          stale: isStale(anomaly.record, at, predictionTtlSeconds),
          verdict: verdict?.verdict ?? null,
        })),
        next: next === null ? null : encodeCursor(CURSOR_KIND, next),
      };
    },
  );

  http.get(
    '/ml/anomalies/export',
    {
      exposeHeadRoute: false,
      schema: {
        tags: ['anomalies'],
        summary: 'All anomalies that pass, newest first, as a file: one JSON object a line, or CSV',
        querystring: exportSchema,
        produces: Object.values(EXPORT_FORMATS),
        response: { 200: z.string(), 400: errorBodySchema },
      },
      // The answer is a stream of text that is made while it is sent.
      serializerCompiler: () => (body) => String(body),
    },
    async ({ query: { format, lang, ...query } }, reply) => {
      const text = exportText(allAnomalies(redis, query, logger), format, lang);
      return reply
        .type(EXPORT_FORMATS[format])
        .header('content-disposition', `attachment; filename="anomalies.${format}"`)
        .send(Readable.from(text, { highWaterMark: 1 }) as unknown as string);
    },
  );
}
