import { z } from 'zod';
import { FEATURE_COUNT, FEATURE_NAMES } from './feature-vector.ts';
import { namedFeaturesSchema } from './prediction.ts';

/** Most vectors of one call. */
export const MAX_VECTORS_PER_CALL = 1_000;

/** A vector as callers write it. */
export const vectorSchema = z
  .union([
    namedFeaturesSchema.partial().strict(),
    z.array(z.number().nullable()).length(FEATURE_COUNT, `must hold ${FEATURE_COUNT} numbers (null = not observed)`),
  ])
  .describe(`Features by name, or in the order ${FEATURE_NAMES.join(', ')}; null or missing = not observed`);
export type VectorBody = z.infer<typeof vectorSchema>;

export const vectorsSchema = z.array(vectorSchema).min(1).max(MAX_VECTORS_PER_CALL);

/** The seven features, NaN where the caller gave none. */
export function toFeatures(vector: VectorBody): Float32Array {
  const features = new Float32Array(FEATURE_COUNT);
  for (let index = 0; index < FEATURE_COUNT; index++) {
    const value = Array.isArray(vector) ? vector[index] : vector[FEATURE_NAMES[index]!];
    features[index] = value ?? Number.NaN;
  }
  return features;
}
