import { z } from 'zod';
import { MAX_LENGTH } from './event.ts';
import { FEATURE_NAMES, type FeatureName, MINUTE_MS } from './feature-vector.ts';

/** Rules that may hold at once: every vector that would alarm is compared with them. */
export const MAX_SUPPRESSIONS = 200;

const DAY_MINUTES = 1_440;
const bound = z.number().finite();

/** Where a feature has to lie, both ends included. What was not observed lies nowhere, unless `missing` says that it may. */
export const featureRangeSchema = z
  .strictObject({
    min: bound.optional(),
    max: bound.optional(),
    missing: z.boolean().default(false).describe('Also where the feature was not observed; alone: only there'),
  })
  .refine(({ min, max, missing }) => missing || min !== undefined || max !== undefined, 'needs min, max or missing')
  .refine(({ min, max }) => min === undefined || max === undefined || min <= max, 'min must not be above max');
export type FeatureRange = z.infer<typeof featureRangeSchema>;

export const featureRangesSchema = z.partialRecord(z.enum(FEATURE_NAMES), featureRangeSchema);
export type FeatureRanges = Partial<Record<FeatureName, FeatureRange>>;

const clockTime = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time of the day in UTC, as in 02:30');

/** From `from` until just before `to`, in UTC; over midnight where `to` comes first. */
export const timeOfDaySchema = z
  .strictObject({ from: clockTime, to: clockTime })
  .refine(({ from, to }) => from !== to, 'from and to must differ; leave timeOfDay out for the whole day');
export type TimeOfDay = z.infer<typeof timeOfDaySchema>;

/** What a vector must be to be held back. A rule of the alarm policy: the same wherever it is applied. */
export const suppressionMatchSchema = z.object({
  user: z.string().min(1).max(MAX_LENGTH.user).nullable().describe('Only vectors of this user; null = of everybody'),
  features: featureRangesSchema.describe('Only vectors whose features lie in all of these ranges'),
  timeOfDay: timeOfDaySchema.nullable(),
  fromTs: z.int().nullable().describe('Only vectors of this event time or later, ms since the epoch'),
  untilTs: z.int().describe('Only vectors of an event time before this one: then the rule is over'),
});
export type SuppressionMatch = z.infer<typeof suppressionMatchSchema>;

export const suppressionIdSchema = z.string().regex(/^[\w-]{12}$/, 'must be the id of a rule: 12 characters');

export const SUPPRESSION_SOURCES = ['analyst', 'false_positive', 'expected'] as const;

/** A rule with its story. */
export const suppressionSchema = z.object({
  id: suppressionIdSchema,
  ...suppressionMatchSchema.shape,
  reason: z.string(),
  author: z.string(),
  createdAt: z.int().describe('ms since the epoch'),
  source: z.enum(SUPPRESSION_SOURCES).describe('Written by an analyst, or made of a verdict'),
  anomaly: z.string().nullable().describe('The anomaly whose verdict made it'),
  ended: z
    .object({ at: z.int(), by: z.string(), note: z.string() })
    .nullable()
    .describe('Taken back before it was over'),
});
export type Suppression = z.infer<typeof suppressionSchema>;

/** Whether it still says something at `now`, ms since the epoch. */
export const isInForce = ({ ended, untilTs }: Pick<Suppression, 'ended' | 'untilTs'>, now: number): boolean =>
  ended === null && untilTs > now;

/** The part of a rule that decides, ready for many vectors. */
export interface Matcher {
  /** `values`: the features in their order, NaN = not observed. */
  matches(vector: { user: string; ts: number; values: ArrayLike<number> }): boolean;
}

export function matcherOf({ user, features, timeOfDay, fromTs, untilTs }: SuppressionMatch): Matcher {
  const ranges = FEATURE_NAMES.flatMap((name, feature) => {
    const range = features[name];
    return range === undefined ? [] : [{ feature, range }];
  });
  const hours = timeOfDay && { from: minuteOf(timeOfDay.from), to: minuteOf(timeOfDay.to) };
  return {
    matches(vector) {
      if (user !== null && vector.user !== user) return false;
      if (vector.ts >= untilTs || (fromTs !== null && vector.ts < fromTs)) return false;
      if (hours !== null && !isWithin(Math.floor(vector.ts / MINUTE_MS) % DAY_MINUTES, hours)) return false;
      return ranges.every(({ feature, range }) => liesIn(vector.values[feature]!, range));
    },
  };
}

function liesIn(value: number, { min, max, missing }: FeatureRange): boolean {
  if (Number.isNaN(value)) return missing;
  if (min === undefined && max === undefined) return false;
  return (min === undefined || value >= min) && (max === undefined || value <= max);
}

const minuteOf = (time: string): number => 60 * Number(time.slice(0, 2)) + Number(time.slice(3));

const isWithin = (minute: number, { from, to }: { from: number; to: number }): boolean =>
  from < to ? from <= minute && minute < to : minute >= from || minute < to;
