import type { NabProfile, NabSeries } from './corpus.ts';
import { rowWorth } from './scoring.ts';
import type { Constants } from './streams.ts';

/** Series by turns in the order of their names, so that both halves have some of every kind. */
export function halvesOf<Item>(items: readonly Item[]): { first: Item[]; second: Item[] } {
  return {
    first: items.filter((_, position) => position % 2 === 0),
    second: items.filter((_, position) => position % 2 === 1),
  };
}

const THRESHOLDS = Array.from({ length: 36 }, (_, step) => 0.5 * 1.08 ** step);
const SILENCES = [0.1, 0.2, 0.3, 0.4];

/** A score for each row of a series. */
export interface RowScores {
  series: NabSeries;
  scores: Float64Array;
}

export interface Choice {
  constants: Constants;
  /** NAB score on the series that chose. */
  score: number;
}

/**
 * The constants with the highest NAB score on some series. A threshold is judged together with its two neighbours: the score
 * is a jagged function of it, and the top of a plateau holds on other series where a spike does not.
 */
export function chooseConstants(
  scored: readonly RowScores[],
  profile: NabProfile,
  silences: readonly number[] = SILENCES,
): Choice {
  const choices = silences.flatMap((silenceShare) => {
    const scores = THRESHOLDS.map((alarmThreshold) => nabScore(scored, profile, { alarmThreshold, silenceShare }));
    return THRESHOLDS.slice(1, -1).map((alarmThreshold, index) => ({
      constants: { alarmThreshold, silenceShare },
      score: scores[index + 1]!,
      plateau: (scores[index]! + scores[index + 1]! + scores[index + 2]!) / 3,
    }));
  });
  return choices.reduce((best, choice) => (choice.plateau > best.plateau ? choice : best));
}

/** NAB score with given constants: the threshold of the benchmark is that of the detector. */
export function nabScore(scored: readonly RowScores[], profile: NabProfile, constants: Constants): number {
  const { tpWeight, fnWeight } = profile;
  const points = scored.reduce((sum, one) => sum + pointsOf(one, profile, constants).points, 0);
  const windows = scored.reduce((count, { series }) => count + series.windows.length, 0);
  return (100 * (points + fnWeight * windows)) / ((tpWeight + fnWeight) * windows);
}

export interface SeriesPoints {
  /** Not normalised: what the alarms earned and cost. */
  points: number;
  found: number;
  falseAlarms: number;
}

/** Of one series. */
export function pointsOf(
  { series, scores }: RowScores,
  { tpWeight, fpWeight, fnWeight }: NabProfile,
  { alarmThreshold, silenceShare }: Constants,
): SeriesPoints {
  const { worth, window } = worthOf(series);
  const silence = Math.floor(silenceShare * series.probation);
  const best = new Float64Array(series.windows.length).fill(-fnWeight);
  const found = new Set<number>();
  let cost = 0;
  let falseAlarms = 0;
  let last = Number.NEGATIVE_INFINITY;
  for (let row = series.probation; row < scores.length; row++) {
    if (!(scores[row]! >= alarmThreshold) || row - last <= silence) continue;
    last = row;
    const inWindow = window[row]!;
    if (inWindow === -1) {
      cost += fpWeight * worth[row]!;
      falseAlarms++;
    } else {
      best[inWindow] = Math.max(best[inWindow]!, tpWeight * worth[row]!);
      found.add(inWindow);
    }
  }
  return { points: best.reduce((sum, earned) => sum + earned, cost), found: found.size, falseAlarms };
}

const worths = new WeakMap<NabSeries, ReturnType<typeof rowWorth>>();

function worthOf(series: NabSeries): ReturnType<typeof rowWorth> {
  let worth = worths.get(series);
  if (worth === undefined) {
    worth = rowWorth(series);
    worths.set(series, worth);
  }
  return worth;
}
