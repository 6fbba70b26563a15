import type { FeatureName } from '@liminal/shared/contracts/feature-vector';
import { type Matrix, observations } from '../detectors/matrix.ts';

export const PROFILE_QUANTILES = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99] as const;

/** What a feature looked like in training: the reference that drift is measured against. */
export interface FeatureProfile {
  feature: FeatureName;
  /** Share of the rows in which the feature was not observed, in [0, 1]. */
  missingRate: number;
  /** At `PROFILE_QUANTILES`, linear between ranks (type 7 of Hyndman & Fan 1996); null where nothing was observed. */
  quantiles: number[] | null;
}

/** One profile a column, in the order of `features`. */
export function referenceProfile(rows: Matrix, features: readonly FeatureName[]): FeatureProfile[] {
  return features.map((feature, column) => {
    const sorted = observations(rows, column).sort();
    return {
      feature,
      missingRate: 1 - sorted.length / rows.rows,
      quantiles: sorted.length === 0 ? null : PROFILE_QUANTILES.map((probability) => quantile(sorted, probability)),
    };
  });
}

function quantile(sorted: Float32Array, probability: number): number {
  const position = probability * (sorted.length - 1);
  const lower = Math.floor(position);
  const low = sorted[lower]!;
  const high = sorted[Math.min(lower + 1, sorted.length - 1)]!;
  // Equal neighbours may both be infinite, and their difference is no number.
  return low === high ? low : low + (position - lower) * (high - low);
}
