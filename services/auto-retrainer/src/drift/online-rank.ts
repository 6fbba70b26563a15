/** Bins of p-values that are told apart. */
const BINS = 1_000;

export interface OnlineRankState {
  /** How many p-values came in each bin. */
  counts: number[];
  total: number;
}

export const emptyRanks = (): OnlineRankState => ({ counts: new Array<number>(BINS).fill(0), total: 0 });

/**
 * Turns p-values that are all measured against the same calibration rows, and so depend on each other, into independent
 * ones: the rank of each among the calibration rows *and all that came before it*, ties broken by `theta` (Vovk,
 * Gammerman & Shafer 2005, ch. 2, smoothed conformal predictor; theorem 8.2: where all rows are exchangeable they are
 * independent and uniform). Without that, chance in the calibration rows would count as drift again with each vector.
 *
 * `calibrationRows`: how many independent rows the calibration is worth. They lie evenly, as p-values of calibration
 * rows do. `theta`: uniform in (0, 1), drawn anew for each vector.
 */
export function nextRank(state: OnlineRankState, pValue: number, theta: number, calibrationRows: number): number {
  const bin = Math.min(Math.max(Math.ceil(pValue * BINS) - 1, 0), BINS - 1);
  const { counts } = state;
  let below = 0;
  for (let lower = 0; lower < bin; lower++) below += counts[lower]!;
  const ties = counts[bin]! + 1;
  const share = calibrationRows / BINS;
  const rank = (share * bin + below + theta * (share + ties)) / (calibrationRows + state.total + 1);
  counts[bin]!++;
  state.total++;
  return rank;
}
