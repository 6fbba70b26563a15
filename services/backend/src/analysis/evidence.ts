import type { AnomalyEntry } from '@liminal/shared/contracts/anomaly-entry';
import { type Event, eventSchema } from '@liminal/shared/contracts/event';
import { byFeatureSchema, expectationsSchema, toExpected } from '@liminal/shared/contracts/explanation';
import { FEATURE_COUNT, FEATURE_NAMES, type FeatureName } from '@liminal/shared/contracts/feature-vector';
import {
  modelNameSchema,
  modelScoreSchema,
  namedFeatures,
  namedFeaturesSchema,
  observed,
  severitySchema,
} from '@liminal/shared/contracts/prediction';
import { anomalyId } from '@liminal/shared/contracts/prediction-batch';
import { seriesAnomalySchema, toSeriesAnomaly } from '@liminal/shared/contracts/series-anomaly';
import { z } from 'zod';

/** An event by the name that verdicts refer to it with; ids that came with events say more than they should. */
const evidenceEventSchema = z.object({
  reference: z.string(),
  event: eventSchema.and(z.object({ ts: z.int() })),
});
export type EvidenceEvent = z.infer<typeof evidenceEventSchema>;

/** What an analyst is given of an anomaly of a user. Holds identities: see `outgoingEvidence`. */
const userEvidenceSchema = z.object({
  entity: z.literal('user'),
  anomaly: z.string(),
  user: z.string(),
  ts: z.int().describe('Event time, ms since the epoch'),
  severity: severitySchema,
  pValue: z.number(),
  isProvisional: z.boolean(),
  features: namedFeaturesSchema,
  loadHistory: z.array(z.number().nullable()).describe('Requests per minute over the last 33 minutes, oldest first'),
  scores: z.partialRecord(modelNameSchema, modelScoreSchema),
  shares: byFeatureSchema(z.number())
    .nullable()
    .describe('Shapley values of −log10 of the p-value: positive = makes it more anomalous; null without explanation'),
  expected: expectationsSchema.nullable(),
  history: z
    .array(namedFeaturesSchema)
    .describe('Features of earlier vectors of the user that raised no alarm, newest first'),
  events: z.array(evidenceEventSchema).describe('Oldest first; none where the pipe holds none of them any more'),
});
export type UserEvidence = z.infer<typeof userEvidenceSchema>;

/** What an analyst is given of an anomaly of a series of the platform. */
const seriesEvidenceSchema = z.object({
  entity: z.literal('series'),
  anomaly: z.string(),
  series: seriesAnomalySchema,
});
export type SeriesEvidence = z.infer<typeof seriesEvidenceSchema>;

export const evidenceSchema = z.discriminatedUnion('entity', [userEvidenceSchema, seriesEvidenceSchema]);
export type Evidence = z.infer<typeof evidenceSchema>;

/** Most events that an analyst is given: the newest. */
export const MOST_EVENTS = 40;
/** Earlier vectors that an analyst is given. */
const MOST_HISTORY = 12;

export interface Surroundings {
  /** Features of earlier vectors of the user, newest first. */
  history: readonly Float32Array[];
  /** Events of the user, oldest first. */
  events: readonly (Event & { ts: number })[];
}

export function evidenceOf(entry: AnomalyEntry, { history, events }: Surroundings): Evidence {
  if (entry.entity === 'series') {
    const series = toSeriesAnomaly(entry.record);
    return { entity: 'series', anomaly: series.id, series };
  }
  const { record, explanation } = entry;
  const explained = typeof explanation === 'string' ? null : explanation;
  return {
    entity: 'user',
    anomaly: anomalyId(record),
    user: record.user,
    ts: record.ts,
    severity: record.severity,
    pValue: record.pValue,
    isProvisional: record.provisional,
    features: namedFeatures(record.values),
    loadHistory: [...record.values.subarray(FEATURE_COUNT)].map(observed),
    scores: record.scores,
    shares: explained && sharesOf(explained.shap.shapValues),
    expected: explained && toExpected(explained.expectations),
    history: history.slice(0, MOST_HISTORY).map(namedFeatures),
    events: events.slice(-MOST_EVENTS).map((event, index) => ({ reference: `event-${index + 1}`, event })),
  };
}

const sharesOf = (shapValues: ArrayLike<number>): Record<FeatureName, number> =>
  Object.fromEntries(FEATURE_NAMES.map((name, index) => [name, shapValues[index]!])) as Record<FeatureName, number>;

/** Everything that evidence of a verdict may refer to. */
export function referencesOf(evidence: Evidence): Set<string> {
  if (evidence.entity === 'series') return new Set([evidence.series.measure, 'recent', 'load']);
  return new Set([...FEATURE_NAMES, ...evidence.events.map(({ reference }) => reference)]);
}
