import { floorToFloat32 } from '../detectors/float32.ts';

/** Scores of the calibration rows, ascending: all that a split-conformal p-value needs. */
export interface ConformalCalibration {
  readonly sortedScores: Float32Array;
}

/** `scores`: of rows that the model was not fitted on. Throws `RangeError` where there are none or one is NaN. */
export function calibrate(scores: Float32Array): ConformalCalibration {
  if (scores.length === 0) throw new RangeError('there are no calibration scores: keep some rows out of the fit');
  if (scores.some(Number.isNaN)) throw new RangeError('a calibration score is NaN: the model is broken');
  return { sortedScores: scores.toSorted() };
}

/**
 * Split-conformal p-value (1 + #{calibration scores >= score}) / (n + 1) (Vovk, Gammerman & Shafer 2005; Bates et al.
 * 2023 for anomaly detection): under exchangeability P(p <= α) <= α, over the draw of the calibration rows too.
 *
 * As float32, rounded down: `p <= α` then decides as exact arithmetic does, also where α is a multiple of 1/(n + 1).
 */
export function conformalPValue({ sortedScores }: ConformalCalibration, score: number): number {
  const below = countBelow(sortedScores, score);
  return pValueOfRank(sortedScores.length - below, sortedScores.length);
}

/** The p-value as a step function: `values[i]` up to and including `upTo[i]`, the last value beyond the last step. */
export function pValueSteps({ sortedScores }: ConformalCalibration): { upTo: Float32Array; values: Float32Array } {
  const count = sortedScores.length;
  const upTo: number[] = [];
  const values: number[] = [];
  for (let rank = 0; rank < count; rank++) {
    if (sortedScores[rank] === sortedScores[rank - 1]) continue;
    upTo.push(sortedScores[rank]!);
    values.push(pValueOfRank(count - rank, count));
  }
  values.push(pValueOfRank(0, count));
  return { upTo: Float32Array.from(upTo), values: Float32Array.from(values) };
}

/** The smallest p-value that n calibration rows can give: an alarm rate below it never alarms. */
export function smallestPValue(calibrationRows: number): number {
  return pValueOfRank(0, calibrationRows);
}

/** ⌊α(n + 1)⌋: how many of the n + 1 ranks alarm at rate α. */
export function alarmingRanks(alarmRate: number, calibrationRows: number): number {
  const ranks = calibrationRows + 1;
  const estimate = Math.floor(alarmRate * ranks);
  // The product rounds (0.29 · 100 < 29): what counts is which p-values are at most the rate.
  if ((estimate + 1) / ranks <= alarmRate) return estimate + 1;
  return estimate / ranks <= alarmRate ? estimate : estimate - 1;
}

function pValueOfRank(scoresAtLeast: number, calibrationRows: number): number {
  return floorToFloat32((1 + scoresAtLeast) / (calibrationRows + 1));
}

/** How many of the sorted scores are smaller than `score`. */
function countBelow(sortedScores: Float32Array, score: number): number {
  let low = 0;
  let high = sortedScores.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (score <= sortedScores[middle]!) high = middle;
    else low = middle + 1;
  }
  return low;
}
