import { alarmingRanks } from './conformal.ts';

export interface AlarmCountBand {
  /** Fewest alarms that the band allows. */
  low: number;
  /** Most alarms that the band allows. */
  high: number;
}

export interface AlarmCountQuestion {
  /** Fresh rows of normal traffic that were tested (m). */
  testedRows: number;
  /** Calibration rows behind the p-values (n). */
  calibrationRows: number;
  /** α: an alarm is `p <= alarmRate`. */
  alarmRate: number;
  /** Probability that the count of a valid detector lies in the band; 0.99 unless given. */
  coverage?: number;
}

/**
 * How many alarms among m fresh normal rows fit a valid split-conformal alarm rate. Given the calibration rows, the rate
 * itself is random, Beta(k, n + 1 − k) with k = ⌊α(n + 1)⌋ (Vovk 2012), so the count is Beta-Binomial(m, k, n + 1 − k):
 * wider than the binomial band. Central band: the quantiles at (1 − coverage)/2 and (1 + coverage)/2.
 */
export function alarmCountBand(question: AlarmCountQuestion): AlarmCountBand {
  const { testedRows, calibrationRows, alarmRate, coverage = 0.99 } = question;
  const alarming = alarmingRanks(alarmRate, calibrationRows);
  if (alarming <= 0) return { low: 0, high: 0 };
  if (alarming > calibrationRows) return { low: testedRows, high: testedRows };
  const cumulative = betaBinomialCumulative(testedRows, alarming, calibrationRows + 1 - alarming);
  return {
    low: quantile(cumulative, (1 - coverage) / 2),
    high: quantile(cumulative, (1 + coverage) / 2),
  };
}

/** P(X <= x) for x = 0…trials of Beta-Binomial(trials, a, b), a and b whole numbers from 1. */
export function betaBinomialCumulative(trials: number, a: number, b: number): Float64Array {
  const cumulative = new Float64Array(trials + 1);
  // P(X = 0) = B(a, trials + b) / B(a, b); in logarithms, since it may be too small for a number.
  let logProbability = 0;
  for (let index = 0; index < a; index++) logProbability += Math.log((b + index) / (trials + b + index));
  let total = 0;
  for (let count = 0; count <= trials; count++) {
    total += Math.exp(logProbability);
    cumulative[count] = total;
    logProbability += Math.log(((trials - count) / (count + 1)) * ((count + a) / (trials - count - 1 + b)));
  }
  return cumulative;
}

function quantile(cumulative: Float64Array, probability: number): number {
  const index = cumulative.findIndex((value) => value >= probability);
  return index === -1 ? cumulative.length - 1 : index;
}
