import type { TrainingOptions } from '@liminal/shared/contracts/tuning';
import { z } from 'zod';
import { DEFAULT_RELEASE_MODELS, type ReleaseModelOptions } from './train-release-models.ts';

const positive = z.number().positive();
const whole = z.int().min(1);
const share = z.number().min(0).lt(1);

/** Options of each model as callers may give them; what is left out keeps its default. */
export const modelOptionsSchema = z
  .strictObject({
    'isolation-forest': z.strictObject({ nEstimators: whole.max(10_000), maxSamples: whole.max(1_000_000) }).partial(),
    'one-class-svm': z
      .strictObject({
        nu: z.number().positive().max(1),
        gamma: z.union([z.literal('scale'), z.number().min(1e-12).max(1e12)]),
        tolerance: positive,
        cacheBytes: z.int().min(0),
        maxExactRows: whole,
        landmarks: whole.max(5_000),
        maxSamples: whole.max(1_000_000),
      })
      .partial(),
    autoencoder: z
      .strictObject({
        hiddenPerColumn: positive,
        codeShare: positive,
        hiddenActivation: z.enum(['relu', 'tanh', 'linear']),
        codeActivation: z.enum(['relu', 'tanh', 'linear']),
        maskedShare: share,
        steps: whole.max(1_000_000),
        batchRows: whole.max(10_000),
        learningRate: positive,
        weightDecay: z.number().min(0),
        maxGradientNorm: positive,
        validationShare: share,
        patience: whole,
        trimmedShare: share,
      })
      .partial(),
    'nearest-neighbours': z
      .strictObject({ nNeighbors: whole.max(10_000), maxReferenceRows: whole.max(100_000) })
      .partial(),
    lstm: z
      .strictObject({
        hidden: whole.max(128),
        steps: whole.max(100_000),
        batchRows: whole.max(1_000),
        learningRate: positive,
        maxGradientNorm: positive,
      })
      .partial(),
  })
  .partial()
  .describe('By model; what is left out keeps its default, as do the models that are not named');

/** The options of every model, the given ones in place of their defaults. Throws a `ZodError` on any that don't exist. */
export function withDefaults(options: TrainingOptions): ReleaseModelOptions {
  const given: Readonly<Record<string, object | undefined>> = modelOptionsSchema.parse(options);
  return Object.fromEntries(
    Object.entries(DEFAULT_RELEASE_MODELS).map(([name, defaults]) => [name, { ...defaults, ...given[name] }]),
  );
}
