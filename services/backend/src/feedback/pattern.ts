import type { AnomalyEntry } from '@liminal/shared/contracts/anomaly-entry';
import type { Expectation } from '@liminal/shared/contracts/explanation';
import { FEATURE_NAMES, type FeatureName } from '@liminal/shared/contracts/feature-vector';
import type { FeatureRange, FeatureRanges } from '@liminal/shared/contracts/suppression';

type UserAnomaly = Extract<AnomalyEntry, { entity: 'user' }>;

/** A feature with at least this share of what made the anomaly is what the anomaly is about. */
const DOMINATING_SHARE = 0.15;
/** The same pattern comes a little stronger at another time. */
const MARGIN_SHARE = 0.25;
/** In the unit of the feature, for values near 0. */
const LEAST_MARGIN: Record<FeatureName, number> = {
  requests_per_user: 1,
  burstiness_score: 0.15,
  ip_entropy: 0.15,
  channel_activity: 1,
  predicted_user_load: 1,
  login_intervals: 30,
  jwt_usage_patterns: 0.15,
};

/**
 * What other vectors have to be to be more of the same as an anomaly: in the features that it is about, from what is usual up
 * to what it was and a little beyond, on the same side; in all others as usual. So what is stronger, or strange in another
 * way as well, is not of the pattern. Without an explanation, which says what an anomaly is about and what is usual, it is
 * a narrow box around the vector.
 */
export function patternOf({ record, explanation }: Pick<UserAnomaly, 'record' | 'explanation'>): FeatureRanges {
  const shares = typeof explanation === 'string' ? undefined : Array.from(explanation.shap.shapValues);
  const total = shares?.reduce((sum, share) => sum + Math.max(share, 0), 0) ?? 0;
  return Object.fromEntries(
    FEATURE_NAMES.map((name, feature) => {
      const value = record.values[feature]!;
      const expectation = typeof explanation === 'string' ? undefined : explanation.expectations[feature];
      if (shares === undefined || expectation === undefined) return [name, around(name, value)];
      const isDominating = shares[feature]! >= DOMINATING_SHARE * total;
      return [name, isDominating ? upTo(name, value, expectation) : asUsual(name, value, expectation)];
    }),
  );
}

function around(name: FeatureName, value: number): FeatureRange {
  if (Number.isNaN(value)) return { missing: true };
  const margin = marginOf(name, value);
  return { min: value - margin, max: value + margin, missing: false };
}

function upTo(name: FeatureName, value: number, { user, everyone }: Expectation): FeatureRange {
  if (Number.isNaN(value)) return { missing: true };
  const usual = Number.isNaN(user.median) ? everyone.median : user.median;
  if (Number.isNaN(usual)) return around(name, value);
  const margin = marginOf(name, value);
  return value >= usual
    ? { min: usual, max: value + margin, missing: false }
    : { min: value - margin, max: usual, missing: false };
}

function asUsual(name: FeatureName, value: number, { user, everyone }: Expectation): FeatureRange {
  const known = [user.low, user.high, everyone.low, everyone.high].filter((bound) => !Number.isNaN(bound));
  const missing = Number.isNaN(value) || everyone.missingRate > 0;
  if (known.length === 0) return Number.isNaN(value) ? { missing } : { ...around(name, value), missing };
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const margin = marginOf(name, value);
  return {
    min: value < low ? value - margin : low,
    max: value > high ? value + margin : high,
    missing,
  };
}

const marginOf = (name: FeatureName, value: number): number =>
  Math.max(MARGIN_SHARE * Math.abs(value), LEAST_MARGIN[name]);
