import {
  byFeatureSchema,
  expectationsSchema,
  languageSchema,
  QUANTITIES,
  shapSchema,
} from '@liminal/shared/contracts/explanation';
import { FEATURE_NAMES } from '@liminal/shared/contracts/feature-vector';
import {
  MODEL_NAMES,
  modelNameSchema,
  modelScoreSchema,
  namedFeaturesSchema,
  severitySchema,
} from '@liminal/shared/contracts/prediction';
import { observedVectorSchema, VECTOR_ERROR, vectorSchema } from '@liminal/shared/contracts/vector-body';
import { z } from 'zod';
import { COMBINED, METHODS, PERTURBATIONS } from '../explanations/explanation-task.ts';

/** Most vectors of one call: all methods take about 40 ms for each. */
export const MAX_EXPLAINED_VECTORS = 32;

/** What can be chosen, in a query as in a body. */
export const choicesShape = {
  method: z
    .enum([...METHODS, 'all'])
    .default('shap')
    .describe('shap: share of each feature; lime: a linear model nearby; counterfactual: the smallest way to normal'),
  model: z
    .enum([COMBINED, ...MODEL_NAMES])
    .default(COMBINED)
    .describe('A model that takes the features, or all together'),
  quantity: z
    .enum(QUANTITIES)
    .optional()
    .describe(
      'What is explained. combined: minus_log10_p. Models: score unless asked for minus_log10_p; isolation-forest: ' +
        'log2_score unless asked for another, which is a sum over its trees',
    ),
  perturbation: z
    .enum(PERTURBATIONS)
    .default('interventional')
    .describe(
      'Where an absent feature comes from: background rows, or (isolation-forest, log2_score) the training rows below a node',
    ),
  lang: languageSchema.default('en').describe('Of the summary'),
};

const vector = z.union([observedVectorSchema, vectorSchema], { error: VECTOR_ERROR });

export const explainBodySchema = z
  .strictObject({
    ...observedVectorSchema.partial().shape,
    vectors: z.array(vector).min(1).max(MAX_EXPLAINED_VECTORS).optional(),
    user: z.string().min(1).optional().describe('Explains the newest vector of this user'),
    ...choicesShape,
  })
  .refine(({ features, vectors, user }) => [features, vectors, user].filter((one) => one !== undefined).length === 1, {
    error: `must have one of "features", "vectors" (up to ${MAX_EXPLAINED_VECTORS}) and "user"`,
  });
export type ExplainChoices = Pick<z.infer<typeof explainBodySchema>, keyof typeof choicesShape>;

const limeSchema = z.object({
  coefficients: byFeatureSchema(z.number()).describe("What the vector's value of a feature adds over one of training"),
  intercept: z.number(),
  localValue: z.number().describe('What the linear model gives for the vector itself'),
  r2: z.number().describe('How much of the model nearby the linear one explains, at most 1: below 0.5 trust it little'),
  stability: z.number().nullable().describe('Mean rank correlation between runs with different seeds, at most 1'),
  kernelWidth: z.number(),
  samples: z.int(),
  runs: z.int(),
});

const counterfactualSchema = z.object({
  found: z.boolean().describe('false: no values that training rows had make it normal'),
  changes: z
    .array(z.object({ feature: z.enum(FEATURE_NAMES), from: z.number(), to: z.number() }))
    .describe('The fewest features that have to change, and what to; empty for a vector that is normal already'),
  distance: z.number().nullable().describe('Sum of the changes, each in units of the range of its feature in training'),
  pValue: z.number().nullable().describe('After the changes: above the alert rate'),
});

export const explainedSchema = z.object({
  user: z.string().optional(),
  ts: z.int().optional(),
  release: z.string(),
  provisional: z.boolean(),
  model: z.enum([COMBINED, ...MODEL_NAMES]),
  scores: z.partialRecord(modelNameSchema, modelScoreSchema),
  pValue: z.number().describe('Combined'),
  severity: severitySchema,
  anomaly: z.boolean(),
  features: namedFeaturesSchema.describe('As explained: predicted_user_load is forecast where it was not given'),
  notObserved: z
    .array(z.enum(FEATURE_NAMES))
    .describe(
      'Missing in the vector. Their share is what it adds that nothing was observed: models take a typical value',
    ),
  quantity: z.enum(QUANTITIES),
  value: z.number().describe('The quantity of this vector, as served'),
  shap: shapSchema.nullable(),
  lime: limeSchema.nullable(),
  agreement: z.number().nullable().describe('Rank correlation of SHAP values and LIME coefficients, −1 to 1'),
  counterfactual: counterfactualSchema.nullable(),
  expected: expectationsSchema.describe('What each feature normally is'),
  userVectors: z.int().describe('How many earlier vectors of the user are behind `expected`'),
  summary: z.string().nullable().describe('One sentence, made from the SHAP values by rule'),
});
export type Explained = z.infer<typeof explainedSchema>;
