import { Packr } from 'msgpackr';
import { z } from 'zod';
import { severitySchema } from './prediction.ts';
import { unpackMsgpackAs } from './unpack-msgpack.ts';

const FORMAT_VERSION = 1;
const packr = new Packr({ useRecords: false });

/** What is measured each minute of event time; a ratio is per event, `p95_duration` in ms (docs/platform-watch.md). */
export const MEASURES = [
  'requests',
  'active_users',
  'logins',
  'failed_login_ratio',
  'token_refreshes',
  'channel_events',
  'error_ratio',
  'p95_duration',
] as const;
export const measureSchema = z.enum(MEASURES);
export type Measure = z.infer<typeof measureSchema>;

export const SCOPES = ['platform', 'route', 'channel'] as const;
export const scopeSchema = z.enum(SCOPES);
export type Scope = z.infer<typeof scopeSchema>;

/** A series of the platform. */
export interface SeriesIdentity {
  measure: Measure;
  scope: Scope;
  /** Route or channel group; null of the platform, and of all groups that have no series of their own. */
  group: string | null;
}

/** As in the API: `requests`, `requests@route:/api/me`, `requests@other-routes`, `channel_events@channel:room`. */
export function seriesName({ measure, scope, group }: SeriesIdentity): string {
  if (scope === 'platform') return measure;
  return group === null ? `${measure}@other-${scope}s` : `${measure}@${scope}:${group}`;
}

export const POINT_STATUSES = ['missing', 'warming-up', 'judged'] as const;
export const pointStatusSchema = z.enum(POINT_STATUSES);

/** A value of a series with what was expected of it; NaN where there is none. */
export interface ScoredPoint {
  /** Minutes since the epoch, event time. */
  minute: number;
  value: number;
  expected: number;
  expectedLow: number;
  expectedHigh: number;
  /** Higher = more anomalous. */
  score: number;
  status: z.infer<typeof pointStatusSchema>;
  severity: z.infer<typeof severitySchema>;
  /** The first point of an anomaly. */
  alarm: boolean;
}

/** A series and where it stands. */
export interface SeriesStanding extends SeriesIdentity {
  /** First minute that it has. */
  since: number;
  newest: ScoredPoint;
}

/** Field `series` of the hash of the platform watch. */
export interface SeriesList {
  /** When the newest points were scored, ms since the epoch. */
  scoredAt: number;
  series: SeriesStanding[];
}

const number = z.number().or(z.nan());
const listSchema = z.tuple([
  z.literal(FORMAT_VERSION),
  z.number(),
  z.array(
    z.tuple([
      measureSchema,
      scopeSchema,
      z.string().nullable(),
      z.int(),
      z.tuple([z.int(), number, number, number, number, number, pointStatusSchema, severitySchema, z.boolean()]),
    ]),
  ),
]);

export function encodeSeriesList({ scoredAt, series }: SeriesList): Buffer {
  return packr.pack([
    FORMAT_VERSION,
    scoredAt,
    series.map(({ measure, scope, group, since, newest }) => [
      measure,
      scope,
      group,
      since,
      [
        newest.minute,
        newest.value,
        newest.expected,
        newest.expectedLow,
        newest.expectedHigh,
        newest.score,
        newest.status,
        newest.severity,
        newest.alarm,
      ],
    ]),
  ]);
}

/** Throws `UndecodableError` on anything that this version did not write. */
export function decodeSeriesList(bytes: Uint8Array): SeriesList {
  const [, scoredAt, series] = unpackMsgpackAs(bytes, 'list of series is', {
    schema: listSchema,
    version: FORMAT_VERSION,
  });
  return {
    scoredAt,
    series: series.map(([measure, scope, group, since, newest]) => {
      const [minute, value, expected, expectedLow, expectedHigh, score, status, severity, alarm] = newest;
      const point = { minute, value, expected, expectedLow, expectedHigh, score, status, severity, alarm };
      return { measure, scope, group, since, newest: point };
    }),
  };
}
