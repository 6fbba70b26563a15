import { MINUTE_MS } from '@liminal/shared/contracts/feature-vector';
import { observed, severitySchema } from '@liminal/shared/contracts/prediction';
import {
  measureSchema,
  pointStatusSchema,
  type ScoredPoint,
  type SeriesStanding,
  scopeSchema,
  seriesName,
} from '@liminal/shared/contracts/series';
import { POINTS_KEPT } from '@liminal/shared/contracts/series-points';
import { errorBodySchema, type HttpServer } from '@liminal/shared/runtime/http-server';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { errors } from '../errors.ts';
import { readSeries, readSeriesPoints } from '../queries/series.ts';

/** Minutes are scored a minute or two after their end, in a silence up to three. */
const STALE_AFTER_MS = 5 * MINUTE_MS;

const value = z.number().nullable();
const pointSchema = z.object({
  ts: z.int().describe('Start of the minute, event time, ms since the epoch'),
  value: value.describe('null = not observed'),
  expected: value.describe('Median of what followed the most similar moments before; null = too early to tell'),
  expectedLow: value.describe('5% quantile of it'),
  expectedHigh: value.describe('95% quantile of it'),
  score: value.describe('Higher = more anomalous; null = not judged'),
  status: pointStatusSchema.describe('`missing`: not observed; `warming-up`: too early to judge; `judged`'),
  severity: severitySchema,
  alarm: z.boolean().describe('The first point of an anomaly'),
});

const seriesSchema = z.object({
  series: z.string().describe('Its name; goes into the path URL-encoded'),
  measure: measureSchema,
  scope: scopeSchema,
  group: z.string().nullable().describe('Route or channel group; null = the platform, or all groups without a series'),
  since: z.int().describe('Its first minute, ms since the epoch'),
  stale: z.boolean().describe('No minute was scored for 5 minutes: do not take it for the present'),
});

export interface SeriesRoutesOptions {
  redis: Redis;
  now(): number;
}

export function addSeriesRoutes(http: HttpServer, { redis, now }: SeriesRoutesOptions): void {
  const isStale = (scoredAt: number): boolean => now() - scoredAt > STALE_AFTER_MS;

  http.get(
    '/ml/series',
    {
      schema: {
        tags: ['series'],
        summary: 'The series of the platform, each with its newest minute',
        response: { 200: z.object({ series: z.array(seriesSchema.extend({ newest: pointSchema })) }) },
      },
    },
    async () => {
      const { scoredAt, series } = await readSeries(redis);
      return {
        series: series.map((of) => ({ ...toJson(of), stale: isStale(scoredAt), newest: pointToJson(of.newest) })),
      };
    },
  );

  http.get(
    '/ml/series/:name',
    {
      schema: {
        tags: ['series'],
        summary: 'The last minutes of a series, with what was expected of them',
        params: z.object({ name: z.string().min(1) }),
        querystring: z.strictObject({ minutes: z.coerce.number().int().min(1).max(POINTS_KEPT).default(POINTS_KEPT) }),
        response: {
          200: seriesSchema.extend({
            points: z.array(pointSchema).describe('Oldest first; minutes of which nothing is known are left out'),
          }),
          404: errorBodySchema,
        },
      },
    },
    async ({ params: { name }, query: { minutes } }) => {
      const found = await readSeriesPoints(redis, name, minutes);
      if (found === undefined) throw errors('LIMINAL_ERR_SERIES_UNKNOWN', { series: name });
      const { standing, scoredAt, points } = found;
      return { ...toJson(standing), stale: isStale(scoredAt), points: points.map(pointToJson) };
    },
  );
}

const toJson = ({ measure, scope, group, since }: SeriesStanding) => ({
  series: seriesName({ measure, scope, group }),
  measure,
  scope,
  group,
  since: since * MINUTE_MS,
});

const pointToJson = (point: ScoredPoint): z.infer<typeof pointSchema> => ({
  ts: point.minute * MINUTE_MS,
  value: observed(point.value),
  expected: observed(point.expected),
  expectedLow: observed(point.expectedLow),
  expectedHigh: observed(point.expectedHigh),
  score: observed(point.score),
  status: point.status,
  severity: point.severity,
  alarm: point.alarm,
});
