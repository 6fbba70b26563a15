import type { Expectation } from '@liminal/shared/contracts/explanation';
import type { TrainingDistribution } from './training-distribution.ts';

export interface Expected {
  /** One a feature. */
  expectations: Expectation[];
  /** Vectors of the user's own that they are taken from. */
  userVectors: number;
}

/** Fewer values of a user say nothing about what is usual. */
const FEWEST_VALUES = 5;
const MISSING = { low: Number.NaN, median: Number.NaN, high: Number.NaN };

/**
 * What each feature normally is: for the user, from vectors of the user's own (features first), and for everybody, from the
 * training rows.
 */
export function expectationsOf(distribution: TrainingDistribution, history: readonly Float32Array[]): Expected {
  const expectations = Array.from({ length: distribution.columns }, (_, feature) => ({
    user: usualOf(history.map((values) => values[feature]!).filter((value) => !Number.isNaN(value))),
    everyone: {
      low: distribution.quantile(feature, 0.01),
      median: distribution.quantile(feature, 0.5),
      high: distribution.quantile(feature, 0.99),
      missingRate: distribution.missingRate(feature),
    },
  }));
  return { expectations, userVectors: history.length };
}

/** Deciles 1, 5 and 9, each a value that occurred. */
function usualOf(values: readonly number[]): Expectation['user'] {
  if (values.length < FEWEST_VALUES) return MISSING;
  const sorted = values.toSorted((left, right) => left - right);
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))]!;
  return { low: at(0.1), median: at(0.5), high: at(0.9) };
}
