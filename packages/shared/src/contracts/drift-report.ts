import { z } from 'zod';
import { FEATURE_NAMES } from './feature-vector.ts';

const testSchema = z.object({
  value: z.number(),
  pValue: z.number(),
  adjustedPValue: z.number().describe('For all tests of all features (Benjamini–Hochberg)'),
});
const number = z.number();

/** How far the traffic has moved away from what the serving release was trained on. */
export const driftSchema = z.object({
  release: z.string(),
  isDrift: z.boolean().describe('Whether the martingale has alarmed'),
  effect: z.enum(['none', 'raised', 'lowered']).describe('On the alarm rate; without one drift is not acted on'),
  martingale: z.object({
    logValue: number,
    logHighest: number,
    logThreshold: number.describe('−ln of the probability of ever alarming without drift'),
    vectors: z.int(),
    isAlarm: z.boolean(),
    means: z.string().nullable().describe('What has changed most: vectors became stranger, more typical, …'),
    sinceTs: number.nullable().describe('When that likely began, ms of event time'),
  }),
  alerts: z.object({
    alarms: z.int(),
    vectors: z.int(),
    rate: number,
    low: number.describe('95% confidence bound'),
    high: number.describe('95% confidence bound'),
    budget: number,
    effect: z.string(),
  }),
  scores: z.object({ statistic: number, pValue: number }).describe('p-values against the uniform distribution'),
  window: z.object({ vectors: z.int(), fromTs: number.nullable(), toTs: number.nullable(), roundMs: number }),
  rowsSinceChange: z.int(),
  check: z
    .object({
      at: number,
      referenceRows: z.int(),
      windowRows: z.int(),
      thresholds: z.object({
        adjustedPValue: number,
        populationStability: z.object({ some: number, much: number }),
      }),
      features: z.array(
        z.object({
          feature: z.enum(FEATURE_NAMES),
          hasMoved: z.boolean(),
          ks: testSchema,
          wasserstein: testSchema,
          populationStability: testSchema,
          missingRate: testSchema,
        }),
      ),
      mmd: z.object({ value: number, pValue: number }),
    })
    .nullable()
    .describe('The newest comparison of the window with the reference; null before the first'),
});
export type Drift = z.infer<typeof driftSchema>;

/** Value of the key `retrainer:drift`, JSON: what the auto-retrainer found at its last look. */
export const storedDriftSchema = z.object({
  at: z.int().describe('When it looked, ms since the epoch'),
  freshForMs: z.int().describe('From then on; older reports are history'),
  drift: driftSchema.nullable().describe('null = no release serves'),
});
export type StoredDrift = z.infer<typeof storedDriftSchema>;
