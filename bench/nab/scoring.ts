import type { NabProfile, NabSeries } from './corpus.ts';

/** Past so many widths behind a window an alarm has nothing to do with it. */
const FAR = 3;

/** σ(y) = 2/(1 + e^{5y}) − 1: what an alarm is worth at a position relative to a window, whose last row is at 0. */
function positionWorth(position: number): number {
  return position > FAR ? -1 : 2 / (1 + Math.exp(5 * position)) - 1;
}

/** What an alarm at each row is worth before it is weighted, and the window that the row lies in. */
export interface RowWorth {
  worth: Float64Array;
  /** Position among the windows of the series; −1 = in none. */
  window: Int32Array;
}

export function rowWorth({ values, windows }: Pick<NabSeries, 'values' | 'windows'>): RowWorth {
  const worth = new Float64Array(values.length);
  const window = new Int32Array(values.length).fill(-1);
  const earliest = positionWorth(-1);
  let last: readonly [number, number] | undefined;
  let next = 0;
  for (let row = 0; row < values.length; row++) {
    const current = windows[next];
    if (current !== undefined && row >= current[0]) {
      const [first, end] = current;
      worth[row] = positionWorth(-(end - row + 1) / (end - first + 1)) / earliest;
      window[row] = next;
      if (row === end) {
        last = current;
        next++;
      }
    } else worth[row] = last === undefined ? -1 : positionWorth((row - last[1]) / (last[1] - last[0]));
  }
  return { worth, window };
}

/** Scores of one detector for one series, one a row, higher = more anomalous. A score of 0 never alarms. */
export interface ScoredSeries {
  series: NabSeries;
  scores: Float64Array;
}

export interface NabResult {
  /** 0 = never alarms, 100 = each window at its first row and nothing else. */
  score: number;
  threshold: number;
  /** Alarms outside windows, and windows without one. */
  falseAlarms: number;
  missedWindows: number;
}

/**
 * Score of the Numenta Anomaly Benchmark (Lavin & Ahmad 2015) at the threshold, one for all series, that gives the most;
 * scores of a row at or above it are alarms.
 */
export function bestResult(scored: readonly ScoredSeries[], profile: NabProfile): NabResult {
  return sweep(scored, profile).reduce((best, result) => (result.score > best.score ? result : best));
}

/** The score at a given threshold. */
export function resultAt(scored: readonly ScoredSeries[], profile: NabProfile, threshold: number): NabResult {
  // Ordered by falling thresholds: the last one that is not below the given.
  return { ...sweep(scored, profile).findLast((result) => result.threshold >= threshold)!, threshold };
}

/** Results at all thresholds that make a difference, from the one that nothing reaches downwards. */
export function sweep(scored: readonly ScoredSeries[], { tpWeight, fpWeight, fnWeight }: NabProfile): NabResult[] {
  const windows = scored.reduce((count, { series }) => count + series.windows.length, 0);
  const alarms = scored.flatMap(({ series, scores }, position) => {
    const { worth, window } = rowWorth(series);
    return Array.from(scores.keys())
      .filter((row) => row >= series.probation && scores[row]! > 0)
      .map((row) => ({ score: scores[row]!, worth: worth[row]!, window: window[row]!, position }));
  });
  alarms.sort((left, right) => right.score - left.score);
  const nothing = -fnWeight * windows;
  const normalised = (total: number): number => (100 * (total - nothing)) / (tpWeight * windows - nothing);
  const earned = new Map<string, number>();
  let total = nothing;
  let falseAlarms = 0;
  const results: NabResult[] = [
    { score: 0, threshold: Number.POSITIVE_INFINITY, falseAlarms: 0, missedWindows: windows },
  ];
  for (const [index, { score, worth, window, position }] of alarms.entries()) {
    if (window === -1) {
      total += fpWeight * worth;
      falseAlarms++;
    } else {
      const key = `${position} ${window}`;
      const before = earned.get(key) ?? -fnWeight;
      const best = Math.max(before, tpWeight * worth);
      earned.set(key, best);
      total += best - before;
    }
    if (score === alarms[index + 1]?.score) continue;
    results.push({
      score: normalised(total),
      threshold: score,
      falseAlarms,
      missedWindows: windows - earned.size,
    });
  }
  return results;
}
