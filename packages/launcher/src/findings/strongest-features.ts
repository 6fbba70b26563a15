import type { FeatureName } from '@liminal/shared/contracts/feature-vector';
import type { Prediction } from '@liminal/shared/contracts/prediction';
import type { ReferenceProfile } from '@liminal/shared/contracts/release';

/** A feature value that is unusual, and where. */
export interface UnusualFeature {
  feature: FeatureName;
  value: number;
  /** How many times the usual distance from the median, on its side; higher = more unusual. */
  ratio: number;
}

/** Features that vary less than this share of their size count as constant; keeps the ratio finite. */
const SMALLEST_SPREAD = 1e-3;

/**
 * The values that lie furthest from those of the training rows: distance from the median in units of the distance that
 * the outermost quantile on the same side has. A plain look at each feature alone; it explains no model.
 *
 * @param count how many at most; only values beyond their outermost quantile are given
 */
export function strongestFeatures(
  features: Prediction['features'],
  profile: ReferenceProfile,
  count: number,
): UnusualFeature[] {
  const median = profile.probabilities.indexOf(0.5);
  if (median === -1) return [];
  const unusual: UnusualFeature[] = [];
  for (const { feature, quantiles } of profile.features) {
    const value = features[feature];
    if (value === null || quantiles === null) continue;
    const middle = quantiles[median]!;
    const outermost = value >= middle ? quantiles.at(-1)! : quantiles[0]!;
    const spread = Math.max(Math.abs(outermost - middle), SMALLEST_SPREAD * Math.max(Math.abs(middle), 1));
    const ratio = Math.abs(value - middle) / spread;
    if (ratio > 1) unusual.push({ feature, value, ratio });
  }
  return unusual.sort((a, b) => b.ratio - a.ratio).slice(0, count);
}
