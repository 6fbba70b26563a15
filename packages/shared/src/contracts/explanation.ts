import { z } from 'zod';
import { FEATURE_NAMES, type FeatureName } from './feature-vector.ts';

/** What of a model is explained; the shares of the features have its unit. */
export const QUANTITIES = ['score', 'log2_score', 'minus_log10_p'] as const;
export type Quantity = (typeof QUANTITIES)[number];

/** How Shapley values were computed. All are exact for their definition but `kernel-shap`, which samples. */
export const SHAP_ALGORITHMS = ['enumeration', 'kernel-shap', 'tree-interventional', 'tree-path-dependent'] as const;
export type ShapAlgorithm = (typeof SHAP_ALGORITHMS)[number];

export const LANGUAGES = ['en', 'ru'] as const;
export const languageSchema = z.enum(LANGUAGES);
export type Language = z.infer<typeof languageSchema>;

/** Beyond this share of the value, shares and base value do not add up to it. */
export const ADDITIVITY_TOLERANCE = 1e-5;

/** Shapley values of one vector; arrays are in the order of the features. */
export interface ShapRecord {
  algorithm: ShapAlgorithm;
  quantity: Quantity;
  /** Mean over the background. */
  baseValue: number;
  /** Of the vector, as served. */
  value: number;
  shapValues: ArrayLike<number>;
  /** Of sampled values; null where they are exact. */
  standardErrors: ArrayLike<number> | null;
  /** What base value and shares miss of `value`, relative to it (absolute below 1). */
  gap: number;
  /** 0 where the definition needs none. */
  backgroundRows: number;
}

/** What a feature normally is; NaN = never observed. */
export interface Expectation {
  /** Of the user's own earlier vectors that raised no alarm: deciles 1 and 9, and the middle. */
  user: { low: number; median: number; high: number };
  /** Of the training rows of the release: the first and the last percentile, and the middle. */
  everyone: { low: number; median: number; high: number; missingRate: number };
}

/** What a stored anomaly says of itself. */
export interface ExplanationRecord {
  /** Of the combined p-value. */
  shap: ShapRecord;
  expectations: readonly Expectation[];
  /** Of the user's own vectors that `expectations` are taken from. */
  userVectors: number;
  summaries: Record<Language, string>;
}

/** Why an anomaly has no explanation: `POST /explain` of the predictor gives one of its features at any time. */
export const UNEXPLAINED_REASONS = ['too-many-at-once', 'failed', 'switched-off', 'not-kept'] as const;
export type UnexplainedReason = (typeof UNEXPLAINED_REASONS)[number];

const number = z.number();
/** An object with one value a feature. */
export const byFeatureSchema = <Value extends z.ZodType>(value: Value) =>
  z.object(Object.fromEntries(FEATURE_NAMES.map((name) => [name, value])) as Record<FeatureName, Value>);

export const shapSchema = z.object({
  algorithm: z
    .enum(SHAP_ALGORITHMS)
    .describe('All are exact for their definition but kernel-shap, which samples coalitions'),
  quantity: z.enum(QUANTITIES).describe('What is explained, and the unit of the shares'),
  baseValue: number.describe('Mean over the background: the value with no feature known'),
  value: number.describe('Of this vector, as served'),
  shapValues: byFeatureSchema(number).describe('Share of each feature: base value + sum of the shares = value'),
  standardErrors: byFeatureSchema(number).nullable().describe('Of sampled values; null where they are exact'),
  additivity: z
    .object({
      gap: number.describe('What base value and shares miss of the value, relative to it (absolute below 1)'),
      holds: z.boolean().describe(`gap is at most ${ADDITIVITY_TOLERANCE}; false: do not trust these shares`),
    })
    .describe('Checked for this answer'),
  backgroundRows: z.int().describe('Training rows that absent features are taken from; 0: none needed'),
});

export const expectationsSchema = byFeatureSchema(
  z.object({
    user: z
      .object({ low: number, median: number, high: number })
      .nullable()
      .describe("Deciles 1, 5 and 9 of the user's own earlier vectors that raised no alarm; null without history"),
    everyone: z
      .object({ low: number, median: number, high: number, missingRate: number })
      .nullable()
      .describe('Percentiles 1, 50 and 99 of all users in training; null when never observed'),
  }),
);

export const storedExplanationSchema = z.object({
  shap: shapSchema.describe('Of the combined p-value'),
  expected: expectationsSchema,
  userVectors: z.int().describe('How many earlier vectors of the user are behind `expected`'),
});

/** Values in the order of the features, by name. */
export function byFeature<Value>(of: (feature: number) => Value): Record<FeatureName, Value> {
  return Object.fromEntries(FEATURE_NAMES.map((name, feature) => [name, of(feature)])) as Record<FeatureName, Value>;
}

export function toShap(record: ShapRecord): z.infer<typeof shapSchema> {
  const { algorithm, quantity, baseValue, value, shapValues, standardErrors, gap, backgroundRows } = record;
  return {
    algorithm,
    quantity,
    baseValue,
    value,
    shapValues: byFeature((feature) => shapValues[feature]!),
    standardErrors: standardErrors && byFeature((feature) => standardErrors[feature]!),
    additivity: { gap, holds: gap <= ADDITIVITY_TOLERANCE },
    backgroundRows,
  };
}

/** JSON has no NaN: what was never observed is null. */
export function toExpected(expectations: readonly Expectation[]): z.infer<typeof expectationsSchema> {
  return byFeature((feature) => {
    const { user, everyone } = expectations[feature]!;
    return {
      user: Number.isNaN(user.median) ? null : user,
      everyone: Number.isNaN(everyone.median) ? null : everyone,
    };
  });
}

export function toStoredExplanation(record: ExplanationRecord): z.infer<typeof storedExplanationSchema> {
  const { shap, expectations, userVectors } = record;
  return { shap: toShap(shap), expected: toExpected(expectations), userVectors };
}
