import { kolmogorovTail } from './kolmogorov-smirnov.ts';

export interface ScoreDrift {
  /** Largest distance between the distribution of the p-values and the uniform one. */
  statistic: number;
  pValue: number;
}

/**
 * Whether scores are distributed as in calibration: p-values against it are uniform then. Two-sample
 * Kolmogorov–Smirnov, one sample being the calibration, worth `calibrationRows` independent rows. Asymptotic. Without
 * values it says nothing: p = 1.
 */
export function scoreDrift(pValues: readonly number[], calibrationRows: number): ScoreDrift {
  const rows = pValues.length;
  if (rows === 0) return { statistic: 0, pValue: 1 };
  const sorted = Float64Array.from(pValues).sort();
  let statistic = 0;
  for (const [index, pValue] of sorted.entries()) {
    statistic = Math.max(statistic, (index + 1) / rows - pValue, pValue - index / rows);
  }
  return {
    statistic,
    pValue: kolmogorovTail(Math.sqrt((rows * calibrationRows) / (rows + calibrationRows)) * statistic),
  };
}
