import { createHash } from 'node:crypto';
import { Packr } from 'msgpackr';
import { z } from 'zod';
import { MINUTE_MS } from './feature-vector.ts';
import { observed, severitySchema } from './prediction.ts';
import { measureSchema, type ScoredPoint, type SeriesIdentity, scopeSchema, seriesName } from './series.ts';
import { unpackMsgpackAs } from './unpack-msgpack.ts';

const FORMAT_VERSION = 1;
const packr = new Packr({ useRecords: false });

/** Minutes that an anomaly carries along of its series and of the platform's load. */
export const ANOMALY_MINUTES = 60;

/** A minute of a series and its expected band; NaN where there is none. */
export type RecentMinute = Pick<ScoredPoint, 'minute' | 'value' | 'expectedLow' | 'expectedHigh'>;

/** An anomaly of a series as it goes through Redis. */
export interface SeriesAnomalyRecord extends SeriesIdentity, Omit<ScoredPoint, 'status' | 'alarm'> {
  /** Minutes of the series up to this one, oldest first. */
  recent: RecentMinute[];
  /** Requests of the platform in the same minutes. */
  load: Pick<ScoredPoint, 'minute' | 'value'>[];
  scoredAt: number;
}

const value = z.number().nullable();
const ts = z.int().describe('Start of the minute, event time, ms since the epoch');

export const seriesAnomalySchema = z.object({
  entity: z.literal('series'),
  id: z.string().describe('The same for the same series and minute, whatever was restarted in between'),
  series: z.string().describe('Name of the series, as in GET /ml/series/:name'),
  measure: measureSchema,
  scope: scopeSchema,
  group: z.string().nullable().describe('Route or channel group; null = the platform, or all groups without a series'),
  ts,
  value: z.number(),
  expected: value.describe('Median of what followed the most similar moments before; null = too early to tell'),
  expectedLow: value.describe('5% quantile of it'),
  expectedHigh: value.describe('95% quantile of it'),
  score: z.number().describe('Higher = more anomalous'),
  severity: severitySchema,
  recent: z.array(z.object({ ts, value, expectedLow: value, expectedHigh: value })),
  load: z.array(z.object({ ts, value })).describe('Requests of the platform in the last hour'),
  scoredAt: z.int().describe('When it was scored, ms since the epoch'),
});
export type SeriesAnomaly = z.infer<typeof seriesAnomalySchema>;

export const seriesAnomalyId = (series: string, minute: number): string =>
  createHash('sha256')
    .update(JSON.stringify(['series', series, minute]))
    .digest('base64url')
    .slice(0, 20);

export function toSeriesAnomaly(record: SeriesAnomalyRecord): SeriesAnomaly {
  const series = seriesName(record);
  const { measure, scope, group, minute, score, severity, scoredAt } = record;
  return {
    entity: 'series',
    id: seriesAnomalyId(series, minute),
    series,
    measure,
    scope,
    group,
    ts: minute * MINUTE_MS,
    value: record.value,
    expected: observed(record.expected),
    expectedLow: observed(record.expectedLow),
    expectedHigh: observed(record.expectedHigh),
    score,
    severity,
    recent: record.recent.map(({ minute, value, expectedLow, expectedHigh }) => ({
      ts: minute * MINUTE_MS,
      value: observed(value),
      expectedLow: observed(expectedLow),
      expectedHigh: observed(expectedHigh),
    })),
    load: record.load.map(({ minute, value }) => ({ ts: minute * MINUTE_MS, value: observed(value) })),
    scoredAt,
  };
}

const number = z.number().or(z.nan());
const recordSchema = z.tuple([
  z.literal(FORMAT_VERSION),
  z.tuple([measureSchema, scopeSchema, z.string().nullable()]),
  z.tuple([z.int(), z.number(), number, number, number, z.number(), severitySchema, z.number()]),
  z.array(z.tuple([z.int(), number, number, number])),
  z.array(z.tuple([z.int(), number])),
]);

/** Field `b` of an entry of `anomalies` whose field `entity` is `series`. */
export function encodeSeriesAnomaly(record: SeriesAnomalyRecord): Buffer {
  const { measure, scope, group, minute, value, expected, expectedLow, expectedHigh, score, severity, scoredAt } =
    record;
  return packr.pack([
    FORMAT_VERSION,
    [measure, scope, group],
    [minute, value, expected, expectedLow, expectedHigh, score, severity, scoredAt],
    record.recent.map(({ minute, value, expectedLow, expectedHigh }) => [minute, value, expectedLow, expectedHigh]),
    record.load.map(({ minute, value }) => [minute, value]),
  ]);
}

/** Throws `UndecodableError` on anything that this version did not write. */
export function decodeSeriesAnomaly(bytes: Uint8Array): SeriesAnomalyRecord {
  const [, [measure, scope, group], numbers, recent, load] = unpackMsgpackAs(bytes, 'anomaly of a series is', {
    schema: recordSchema,
    version: FORMAT_VERSION,
  });
  const [minute, value, expected, expectedLow, expectedHigh, score, severity, scoredAt] = numbers;
  return {
    measure,
    scope,
    group,
    minute,
    value,
    expected,
    expectedLow,
    expectedHigh,
    score,
    severity,
    recent: recent.map(([minute, value, expectedLow, expectedHigh]) => ({ minute, value, expectedLow, expectedHigh })),
    load: load.map(([minute, value]) => ({ minute, value })),
    scoredAt,
  };
}
