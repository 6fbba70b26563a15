import { Random } from '@liminal/shared/runtime/random';
import type { Evaluate } from '@liminal/shared/shapley/background';
import { spearman } from '@liminal/shared/statistics/rank-correlation';
import type { TrainingDistribution } from './training-distribution.ts';
import { type LinearFit, weightedRidge } from './weighted-ridge.ts';

export interface LimeOptions {
  /** Perturbed rows of one run. */
  samples: number;
  /** Runs with seeds of their own, whose agreement tells how stable the explanation is. */
  runs: number;
  seed: number;
  /** Penalty on the coefficients. */
  ridge: number;
}

export const DEFAULT_LIME: LimeOptions = { samples: 400, runs: 5, seed: 0, ridge: 1 };

export interface LimeExplanation extends LinearFit {
  kernelWidth: number;
  /** What the linear fit gives for the row itself. */
  localValue: number;
  /** Mean rank correlation of the coefficients of any two runs, at most 1; null for a single run. */
  stability: number | null;
}

/** Unit: square root of the number of features, as in the authors' own implementation. */
const KERNEL_WIDTH = 0.75;

/**
 * LIME for tables (Ribeiro, Singh & Guestrin 2016, section 3): which features, kept as they are in the row, move the model
 * in its neighbourhood. A neighbour keeps some features (how many is drawn first, then which) and takes the others from
 * the training distribution, each by itself. It weighs exp(−D²/kernelWidth²), D² being the number of features it does not
 * keep. The fit is linear in "kept", so a coefficient is what the row's value of a feature adds over a typical one.
 *
 * Coefficients are fitted on the samples of all runs together.
 */
export async function limeExplanation(
  row: Float32Array,
  distribution: TrainingDistribution,
  evaluate: Evaluate,
  { samples, runs, seed, ridge }: LimeOptions,
): Promise<LimeExplanation> {
  const columns = row.length;
  const kernelWidth = KERNEL_WIDTH * Math.sqrt(columns);
  const kept = new Float64Array(runs * samples * columns);
  const rows = new Float32Array(kept.length);
  const weights = new Float64Array(runs * samples);
  for (let sample = 0, random = new Random(seed); sample < weights.length; sample++) {
    if (sample % samples === 0) random = new Random(seed + sample / samples);
    const isKept = drawKept(columns, sample % samples === 0, random);
    let replaced = 0;
    for (let feature = 0; feature < columns; feature++) {
      kept[sample * columns + feature] = isKept[feature]!;
      rows[sample * columns + feature] = isKept[feature] === 1 ? row[feature]! : distribution.draw(feature, random);
      replaced += 1 - isKept[feature]!;
    }
    weights[sample] = Math.exp(-replaced / kernelWidth ** 2);
  }
  const target = Float64Array.from(await evaluate(rows, weights.length));
  const fitOf = (from: number, to: number): LinearFit =>
    weightedRidge(
      kept.subarray(from * columns, to * columns),
      target.subarray(from, to),
      weights.subarray(from, to),
      ridge,
    );
  const fit = fitOf(0, weights.length);
  const single = Array.from({ length: runs }, (_, run) => fitOf(run * samples, (run + 1) * samples).coefficients);
  return {
    ...fit,
    kernelWidth,
    localValue: fit.intercept + fit.coefficients.reduce((sum, coefficient) => sum + coefficient, 0),
    stability: meanAgreement(single),
  };
}

/** The row itself is the first neighbour of every run. */
function drawKept(columns: number, isRowItself: boolean, random: Random): Uint8Array {
  const isKept = new Uint8Array(columns).fill(1);
  if (isRowItself) return isKept;
  for (const feature of random.sample(columns, 1 + random.int(columns))) isKept[feature] = 0;
  return isKept;
}

function meanAgreement(coefficients: readonly Float64Array[]): number | null {
  let sum = 0;
  let pairs = 0;
  for (let first = 0; first < coefficients.length; first++) {
    for (let second = first + 1; second < coefficients.length; second++) {
      const agreement = spearman(coefficients[first]!, coefficients[second]!);
      sum += Number.isNaN(agreement) ? 0 : agreement;
      pairs++;
    }
  }
  return pairs === 0 ? null : sum / pairs;
}
