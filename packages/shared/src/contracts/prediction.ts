import { z } from 'zod';
import { FEATURE_NAMES } from './feature-vector.ts';
import { loadSchema } from './load-forecast.ts';

export const MODEL_NAMES = ['isolation-forest', 'one-class-svm', 'autoencoder', 'lstm', 'nearest-neighbours'] as const;

export const modelNameSchema = z.enum(MODEL_NAMES);
export type ModelName = z.infer<typeof modelNameSchema>;

export const SEVERITIES = ['none', 'warning', 'critical'] as const;
export const severitySchema = z.enum(SEVERITIES);
export type Severity = z.infer<typeof severitySchema>;

/** Why a vector that would have alarmed did not: a rule of an analyst, or a rate that was lowered for its user or for everybody. */
export const SUPPRESSION_REASONS = ['rule', 'user-threshold', 'global-threshold'] as const;
export type SuppressionReason = (typeof SUPPRESSION_REASONS)[number];

/** What kept a vector from being an anomaly. */
export const suppressedSchema = z.object({
  severity: severitySchema.describe('What it would have been at the alarm rate of the operator'),
  reason: z.enum(SUPPRESSION_REASONS),
  rule: z.string().nullable().describe('Id of the rule; null for thresholds'),
});
export type Suppressed = z.infer<typeof suppressedSchema>;

const number = z.number();
/** A feature value; null = not observed (NaN has no JSON form). */
const featureValue = number.nullable();

/** Features by name, as JSON shows them. */
export const namedFeaturesSchema = z.object(
  Object.fromEntries(FEATURE_NAMES.map((name) => [name, featureValue])) as Record<
    (typeof FEATURE_NAMES)[number],
    typeof featureValue
  >,
);

export const modelScoreSchema = z.object({
  score: number.describe('Higher = more anomalous'),
  pValue: number.describe('Split-conformal p-value against the calibration rows of the release, in (0, 1]'),
});

/** What a release says about one feature vector of a user. */
export const predictionSchema = z.object({
  user: z.string(),
  ts: z.int().describe('Event time of the vector, ms since the epoch'),
  seq: z.int().describe('Number of the vector among the vectors of the user'),
  features: namedFeaturesSchema,
  loadHistory: z.array(featureValue).describe('Requests per minute over the last 33 whole minutes, oldest first'),
  load: loadSchema.describe('Forecast and actual load of the user'),
  scores: z
    .partialRecord(modelNameSchema, modelScoreSchema)
    .describe('Of the models that apply: lstm is left out while a user has not been known for 33 whole minutes'),
  pValue: number.describe('Combined p-value of the release, in (0, 1]'),
  severity: severitySchema,
  anomaly: z.boolean(),
  suppressed: suppressedSchema.optional().describe('Only where it would have alarmed and was held back: not lost'),
  release: z.string(),
  provisional: z.boolean().describe('Scored by the factory release, which has not seen this platform yet'),
  scoredAt: z.int().describe('When it was scored, ms since the epoch'),
});
export type Prediction = z.infer<typeof predictionSchema>;

/** A prediction as the API serves it. */
export const servedPredictionSchema = predictionSchema.extend({
  stale: z.boolean().describe('Older than the time to live: do not act on it'),
});
export type ServedPrediction = z.infer<typeof servedPredictionSchema>;

/** An anomaly of a user; those of series are in series-anomaly.ts. */
export const anomalySchema = predictionSchema.extend({
  entity: z.literal('user'),
  id: z.string().describe('The same for the same vector, whatever was restarted in between'),
});
export type Anomaly = z.infer<typeof anomalySchema>;

/** JSON has no NaN: a value that was not observed is null. */
export const observed = (value: number): number | null => (Number.isNaN(value) ? null : value);

/** The first seven of `values` by name. */
export function namedFeatures(values: ArrayLike<number>): z.infer<typeof namedFeaturesSchema> {
  return Object.fromEntries(FEATURE_NAMES.map((name, index) => [name, observed(values[index]!)])) as z.infer<
    typeof namedFeaturesSchema
  >;
}
