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

/** What each feature normally is for everybody, from the training rows. The same for all vectors of a release. */
export function everyoneOf(distribution: TrainingDistribution): Expectation['everyone'][] {
  return Array.from({ length: distribution.columns }, (_, feature) => ({
    low: distribution.quantile(feature, 0.01),
    median: distribution.quantile(feature, 0.5),
    high: distribution.quantile(feature, 0.99),
    missingRate: distribution.missingRate(feature),
  }));
}

/**
 * What each feature normally is: for everybody, and for the user, from vectors of the user's own, row-major
 * [vectors, features].
 */
export function expectationsOf(everyone: readonly Expectation['everyone'][], history: Float32Array): Expected {
  const expectations = everyone.map((usual, feature) => ({
    user: usualOf(history.filter((value, place) => place % everyone.length === feature && !Number.isNaN(value))),
    everyone: usual,
  }));
  return { expectations, userVectors: history.length / everyone.length };
}

/** Deciles 1, 5 and 9, each a value that occurred. */
function usualOf(values: Float32Array): Expectation['user'] {
  if (values.length < FEWEST_VALUES) return MISSING;
  const sorted = values.sort();
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))]!;
  return { low: at(0.1), median: at(0.5), high: at(0.9) };
}
