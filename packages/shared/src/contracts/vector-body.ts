import { z } from 'zod';
import { FEATURE_COUNT, FEATURE_NAMES, LOAD_HISTORY_MINUTES, VECTOR_LENGTH } from './feature-vector.ts';
import { namedFeaturesSchema } from './prediction.ts';

/** Most vectors of one call. */
export const MAX_VECTORS_PER_CALL = 1_000;

/** What a vector must be, for the messages of errors. */
export const VECTOR_ERROR = `must be features by name, or ${FEATURE_COUNT} in the order ${FEATURE_NAMES.join(', ')}: finite numbers, or null where not observed`;

/** A vector as callers write it. */
export const vectorSchema = z
  .union(
    [
      namedFeaturesSchema.partial().strict(),
      z.array(z.number().nullable()).length(FEATURE_COUNT, `must hold ${FEATURE_COUNT} numbers (null = not observed)`),
    ],
    { error: VECTOR_ERROR },
  )
  .describe(`Features by name, or in the order ${FEATURE_NAMES.join(', ')}; null or missing = not observed`);

/** A vector with what the LSTM takes beside its features; without, that model is left out. */
export const observedVectorSchema = z.strictObject({
  features: vectorSchema,
  loadHistory: z
    .array(z.number().min(0).nullable())
    .length(LOAD_HISTORY_MINUTES, `must hold ${LOAD_HISTORY_MINUTES} numbers (null = not observed)`)
    .optional()
    .describe('Requests per minute over the last 33 whole minutes, oldest first; null = not observed'),
  ts: z.int().min(0).optional().describe('Event time of the vector, ms since the epoch'),
});

export const vectorsSchema = z
  .array(z.union([observedVectorSchema, vectorSchema]))
  .min(1)
  .max(MAX_VECTORS_PER_CALL);
export type VectorBody = z.infer<typeof vectorsSchema>[number];

/** The seven features, NaN where the caller gave none. */
export function toFeatures(features: z.infer<typeof vectorSchema>): Float32Array {
  return Float32Array.from({ length: FEATURE_COUNT }, (_, index) => {
    const value = Array.isArray(features) ? features[index] : features[FEATURE_NAMES[index]!];
    return value ?? Number.NaN;
  });
}

/** Features and load history, NaN where the caller gave none, and the time if given. */
export function toVector(body: VectorBody): { values: Float32Array; ts: number | undefined } {
  const { features, loadHistory, ts } = 'features' in body ? body : { features: body };
  const values = new Float32Array(VECTOR_LENGTH).fill(Number.NaN);
  values.set(toFeatures(features));
  for (const [minute, load] of (loadHistory ?? []).entries()) values[FEATURE_COUNT + minute] = load ?? Number.NaN;
  return { values, ts };
}
