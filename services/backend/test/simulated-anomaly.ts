import type { AnomalyEntry } from '@liminal/shared/contracts/anomaly-entry';
import { FEATURE_NAMES, type FeatureVector, PREDICTED_USER_LOAD } from '@liminal/shared/contracts/feature-vector';

/** A vector as if a release had found it anomalous: what analysts are given of it, without training one. */
export function toStoredAnomaly({ user, ts, seq, values }: FeatureVector): Extract<AnomalyEntry, { entity: 'user' }> {
  const usual = { low: 0, median: 1, high: 2 };
  values[PREDICTED_USER_LOAD] = values[0]!;
  return {
    entity: 'user',
    record: {
      user,
      ts,
      seq,
      values,
      forecast: null,
      checked: null,
      scores: { autoencoder: { score: 1, pValue: 0.001 } },
      pValue: 0.001,
      severity: 'critical',
      release: 'r1',
      provisional: false,
      scoredAt: ts,
    },
    explanation: {
      shap: {
        algorithm: 'enumeration',
        quantity: 'minus_log10_p',
        baseValue: 0,
        value: 3,
        shapValues: FEATURE_NAMES.map((_, index) => index / 7),
        standardErrors: null,
        gap: 0,
        backgroundRows: 1,
      },
      expectations: FEATURE_NAMES.map(() => ({ user: usual, everyone: { ...usual, missingRate: 0 } })),
      userVectors: 5,
      summaries: { en: `${user} stands out.`, ru: `${user} выделяется.` },
    },
  };
}
