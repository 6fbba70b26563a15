import { FEATURE_COUNT } from '@liminal/shared/contracts/feature-vector';
import type { Random } from '@liminal/shared/runtime/random';

/** What is injected, and how strongly: none of it is extreme. */
export const DRIFTS = {
  mean: 'one feature rises by 1 standard deviation',
  scale: 'one feature varies twice as much',
  missing: 'one feature is missing in 25% instead of 5%',
  correlation: 'two independent features correlate at 0.8',
  few: 'one vector in twelve has a feature that is 6 standard deviations higher',
} as const;
export type Drift = keyof typeof DRIFTS | 'none';

const MISSING = 0.05;
/** Columns with gaps, as logins, tokens and short histories have. */
const GAPS = [1, 5, 6];

/** A vector of a user: a skewed load, four symmetric features, two that follow the load; gaps in three of them. */
export function drawVector(random: Random, drift: Drift): Float32Array {
  const values = Float32Array.from({ length: FEATURE_COUNT }, () => random.normal());
  values[0] = Math.exp(values[0]! / 2);
  values[4] = 0.9 * values[0]! + 0.2 * values[4]!;
  if (drift === 'mean') values[2]! += 1;
  if (drift === 'scale') values[2]! *= 2;
  if (drift === 'correlation') values[3] = 0.8 * values[2]! + 0.6 * values[3]!;
  if (drift === 'few' && random.next() < 1 / 12) values[2]! += 6;
  for (const column of GAPS) {
    const rate = drift === 'missing' && column === 5 ? 0.25 : MISSING;
    if (random.next() < rate) values[column] = Number.NaN;
  }
  return values;
}

export function drawVectors(random: Random, rows: number, drift: Drift = 'none'): Float32Array[] {
  return Array.from({ length: rows }, () => drawVector(random, drift));
}
