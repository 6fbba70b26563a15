import { FEATURE_NAMES } from '@liminal/shared/contracts/feature-vector';
import type { HttpServer } from '@liminal/shared/runtime/http-server';
import { z } from 'zod';
import type { Config } from '../config.ts';
import type { RetrainerLoop } from '../handlers/retrainer-loop.ts';

/** Looks at windows call a feature moved at this rate of false finds. */
const WINDOW_RATE = 0.05;
/** Limits of the population stability index that are in common use (Siddiqi 2006): some, and much. */
const STABILITY_LIMITS = { some: 0.1, much: 0.25 };

const testSchema = z.object({
  value: z.number(),
  pValue: z.number(),
  adjustedPValue: z.number().describe('For all tests of all features (Benjamini–Hochberg)'),
});
const number = z.number();

const driftSchema = z.object({
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

export function addDriftRoutes(http: HttpServer, { loop, config }: { loop: RetrainerLoop; config: Config }): void {
  http.get(
    '/drift',
    {
      schema: {
        tags: ['drift'],
        summary: 'How far the traffic has moved away from what the serving release was trained on',
        response: { 200: z.object({ drift: driftSchema.nullable() }) },
      },
    },
    () => ({ drift: driftOf(loop, config.driftRoundMs) }),
  );
}

function driftOf({ state, drift }: RetrainerLoop, roundMs: number): z.infer<typeof driftSchema> | null {
  if (drift === undefined) return null;
  const check = state.check?.release === drift.release ? state.check : null;
  return {
    ...drift,
    isDrift: drift.martingale.isAlarm,
    effect: drift.alerts.effect,
    window: { ...drift.window, roundMs },
    check: check && {
      at: check.at,
      referenceRows: check.referenceRows,
      windowRows: check.windowRows,
      thresholds: { adjustedPValue: WINDOW_RATE, populationStability: STABILITY_LIMITS },
      features: check.drift.features.map((tests) => {
        const { ks, wasserstein, populationStability, missingRate } = tests;
        const all = [ks, wasserstein, populationStability, missingRate];
        return { ...tests, hasMoved: all.some(({ adjustedPValue }) => adjustedPValue <= WINDOW_RATE) };
      }),
      mmd: check.drift.mmd,
    },
  };
}
