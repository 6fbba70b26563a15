import { countBelow } from '@liminal/shared/calibration/count-below';
import { floorToFloat32 } from '../detectors/float32.ts';

export interface ConformalCalibration {
  /** Scores of the calibration rows, ascending: all that a split-conformal p-value needs. */
  readonly sortedScores: Float32Array;
  /** Scale of the exponential tail beyond the largest of them, see `tailScale`. */
  readonly tailScale: number;
}

/** The smallest normal float32: a p-value is never 0, nor a number that some runtimes take for 0. */
export const SMALLEST_TAIL_P_VALUE = 1.1754943508222875e-38;

/**
 * `scores`: of rows that the model was not fitted on. `tailScale`: from other rows than these.
 * Throws `RangeError` where there are none, one is not finite, or the scale is not positive.
 */
export function calibrate(scores: Float32Array, tailScale: number): ConformalCalibration {
  if (scores.length === 0) throw new RangeError('there are no calibration scores: keep some rows out of the fit');
  const broken = scores.find((score) => !Number.isFinite(score));
  if (broken !== undefined) throw new RangeError(`a calibration score is ${broken}: the model is broken`);
  if (!(tailScale > 0)) throw new RangeError(`the tail scale must be positive, not ${tailScale}`);
  return { sortedScores: scores.toSorted(), tailScale: Math.max(Math.fround(tailScale), SMALLEST_TAIL_P_VALUE) };
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

/**
 * The same p-value as long as it is above 1/(n + 1), and an exponential tail below it: 1/(n + 1) · exp(−(s − largest)/b)
 * for scores beyond all calibration scores. It ranks what the conformal p-value can't tell apart. The alarm rate of the
 * conformal p-value holds for it at every α from 1/(n + 1); below that it is an extrapolation, not a promise.
 */
export function tailPValue(calibration: ConformalCalibration, score: number): number {
  const { sortedScores, tailScale } = calibration;
  const excess = Math.max(Math.fround(score - sortedScores.at(-1)!), 0);
  const factor = Math.fround(Math.exp(-Math.fround(excess / tailScale)));
  return Math.max(Math.fround(conformalPValue(calibration, score) * factor), SMALLEST_TAIL_P_VALUE);
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
