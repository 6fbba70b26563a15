import type { StoredExplanation } from '@liminal/shared/contracts/explanation-codec';
import { encodeExplanation } from '@liminal/shared/contracts/explanation-codec';
import { FEATURE_COUNT, VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import { anomaliesKey } from '@liminal/shared/contracts/keys';
import { encodePredictions, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import { encodeSeriesAnomaly, type SeriesAnomalyRecord } from '@liminal/shared/contracts/series-anomaly';
import type { Redis } from 'ioredis';

export const userRecord = (fields: Partial<PredictionRecord> = {}): PredictionRecord => ({
  user: 'ada',
  ts: 1_000,
  seq: 3,
  values: new Float32Array(VECTOR_LENGTH).fill(1.5, 0, 6).fill(Number.NaN, 6, 7),
  forecast: { forecaster: 'lstm', load: 7.5, lower: 2, upper: 19 },
  checked: null,
  scores: { 'isolation-forest': { score: 0.7, pValue: 0.004 }, autoencoder: { score: 0.2, pValue: 0.4 } },
  pValue: 0.004,
  severity: 'warning',
  release: 'r1',
  provisional: false,
  scoredAt: Date.now(),
  ...fields,
});

export const seriesRecord = (fields: Partial<SeriesAnomalyRecord> = {}): SeriesAnomalyRecord => ({
  measure: 'requests',
  scope: 'platform',
  group: null,
  minute: 100,
  value: 9,
  expected: 3,
  expectedLow: 1,
  expectedHigh: 5,
  score: 4,
  severity: 'warning',
  recent: [],
  load: [],
  scoredAt: Date.now(),
  ...fields,
});

/** What is owed to each feature, in their order; missing ones to nothing. */
export function explanation(shares: readonly number[], summary = 'strange'): StoredExplanation {
  const shapValues = Array.from({ length: FEATURE_COUNT }, (_, feature) => shares[feature] ?? 0);
  const expectation = {
    user: { low: 0, median: 1, high: 2 },
    everyone: { low: 0, median: 1, high: 2, missingRate: 0 },
  };
  return {
    shap: {
      algorithm: 'enumeration',
      quantity: 'minus_log10_p',
      baseValue: 0.4,
      value: 2.4,
      shapValues,
      standardErrors: null,
      gap: 0,
      backgroundRows: 1,
    },
    expectations: Array.from({ length: FEATURE_COUNT }, () => expectation),
    userVectors: 9,
    summaries: { en: summary, ru: 'странно' },
  };
}

/** Writes them as the predictor does; returns their stream ids. */
export async function writeUsers(
  redis: Redis,
  records: readonly PredictionRecord[],
  why: StoredExplanation = 'not-kept',
): Promise<string[]> {
  const pipeline = redis.pipeline();
  for (const record of records) {
    pipeline.xadd(anomaliesKey, '*', 'b', encodePredictions([record]), 'x', encodeExplanation(why));
  }
  return ((await pipeline.exec()) ?? []).map(([, id]) => String(id));
}

export async function writeSeries(redis: Redis, record: SeriesAnomalyRecord): Promise<string> {
  return (await redis.xadd(anomaliesKey, '*', 'entity', 'series', 'b', encodeSeriesAnomaly(record)))!;
}
