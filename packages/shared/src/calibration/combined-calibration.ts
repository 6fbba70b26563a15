import { countBelow } from './count-below.ts';
import { type Ranking, rankingOf } from './ranking.ts';

/** A model as the combination sees it. */
export interface CalibratedModel {
  /** Of the calibration rows, in the same order of rows for every model; finite. */
  scores: Float32Array;
  /** Unit of how far a score lies beyond the others (see `tailScale`); not from the calibration rows. */
  tailScale: number;
}

export interface CombinedPValue {
  /** Exactly valid: a multiple of 1/(n + 1), with n calibration rows behind it. 1 where no model applies. */
  pValue: number;
  /**
   * The smallest tail-extended p-value of the models. Orders what `pValue` can't tell apart, since it goes on below
   * 1/(n + 1); an alarm rate holds for `pValue` alone.
   */
  tailPValue: number;
  /** What `pValue` can be at least: 1/(n + 1). */
  smallestPValue: number;
}

const FLOAT32_MAX = 3.4028234663852886e38;

/**
 * How the scores of several models become one p-value that is exactly valid: under exchangeability of the n calibration
 * rows and the tested row, P(p <= α) <= α, and = α for α a multiple of 1/(n + 1) where nothing ties.
 *
 * Every row of the pool, the n calibration rows and the tested one, is treated alike: in each model it has a p-value
 * against the *other* rows of the pool, its statistic is the smallest of these (Tippett 1931), and the p-value of the tested
 * row is the rank of its statistic among all n + 1. To compare it with statistics of the calibration rows among
 * themselves would not do: there a calibration row counts itself and not the tested row, which inflates the alarm rate.
 *
 * The row with the largest score of a model has p-value 1/(n + 1) there. Rows that lead different models would tie, so
 * among such rows the one further out is the more extreme: by its excess over the second, in units of the tail scale of
 * the model, which no row of the pool has a part in. Any other two rows of equal rank are told
 * apart by their score in the first model, then in the second …: without that, α would be reached seldomer than told.
 *
 * One row costs a binary search a model: adding the tested row moves the rank of a calibration row by at most one.
 */
export class CombinedCalibration {
  readonly rows: number;
  readonly #models: readonly CalibratedModel[];
  readonly #ranking: Ranking;
  readonly #leaders: readonly Leader[];

  /** At most 31 models. `ranking`: of their scores, for callers that had it made in turns. */
  constructor(models: readonly CalibratedModel[], ranking = rankingOf(models.map(({ scores }) => scores))) {
    this.rows = models[0]?.scores.length ?? 0;
    this.#models = models;
    this.#ranking = ranking;
    this.#leaders = models.flatMap(({ scores }, model) => leaderOf(scores, ranking.sortedScores[model]!, model));
  }

  /** `scores`: one a model, in the order of the constructor. */
  combine(scores: ArrayLike<number>): CombinedPValue {
    const { rows } = this;
    if (this.#models.length === 0) return { pValue: 1, tailPValue: 1, smallestPValue: 1 };
    let bestRank = rows + 1;
    for (let model = 0; model < scores.length; model++) {
      const sorted = this.#ranking.sortedScores[model]!;
      bestRank = Math.min(bestRank, 1 + rows - countBelow(sorted, scores[model]!));
    }
    if (bestRank === 1 && rows > 0) return this.#combineLeading(scores);
    const pValue = (1 + this.#rowsAtLeastAsExtreme(bestRank, scores)) / (rows + 1);
    return { pValue, tailPValue: bestRank / (rows + 1), smallestPValue: 1 / (rows + 1) };
  }

  /**
   * Calibration rows that are at least as extreme as the tested row, which has rank `bestRank` >= 2. A row of rank k among
   * the calibration rows keeps it in the pool where its score is above the tested one, and has k + 1 otherwise.
   */
  #rowsAtLeastAsExtreme(bestRank: number, scores: ArrayLike<number>): number {
    const { rowsBelow, byBestRank, bestModels, runEnd } = this.#ranking;
    let count = rowsBelow[bestRank - 1]!;
    for (let rank = bestRank - 1; rank <= Math.min(bestRank, this.rows); rank++) {
      const modelsAbove = this.#modelsAbove(rank, scores);
      const end = rowsBelow[rank + 1]!;
      for (let place = rowsBelow[rank]!; place < end; place = runEnd[place]!) {
        const keepsRank = (bestModels[byBestRank[place]!]! & modelsAbove) !== 0;
        const rankInPool = keepsRank ? rank : rank + 1;
        if (rankInPool < bestRank) count += runEnd[place]! - place;
        else if (rankInPool === bestRank) count += this.#countAtLeast(place, runEnd[place]!, scores);
      }
    }
    return count;
  }

  /** In which models (bits) the calibration score of this rank is above the tested one. */
  #modelsAbove(rank: number, scores: ArrayLike<number>): number {
    let models = 0;
    for (let model = 0; model < scores.length; model++) {
      if (scores[model]! < this.#ranking.sortedScores[model]![this.rows - rank]!) models |= 1 << model;
    }
    return models;
  }

  /** How many rows of a run are at least as extreme as the tested one by the first score that differs. */
  #countAtLeast(start: number, end: number, scores: ArrayLike<number>): number {
    let low = start;
    let high = end;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(this.#ranking.byBestRank[middle]!, scores) >= 0) low = middle + 1;
      else high = middle;
    }
    return low - start;
  }

  /** Positive where a calibration row is more extreme than the tested one by the first score that differs. */
  #compare(row: number, tested: ArrayLike<number>): number {
    for (let model = 0; model < this.#models.length; model++) {
      const difference = this.#models[model]!.scores[row]! - tested[model]!;
      if (difference !== 0) return difference;
    }
    return 0;
  }

  /** The tested row has the largest score of the pool in some model: only rows that lead other models can be ahead. */
  #combineLeading(scores: ArrayLike<number>): CombinedPValue {
    let excess = 0;
    for (let model = 0; model < scores.length; model++) {
      const largest = this.#ranking.sortedScores[model]!.at(-1)!;
      excess = Math.max(excess, (clamp(scores[model]!) - largest) / this.#models[model]!.tailScale);
    }
    const ahead = new Set<number>();
    for (const leader of this.#leaders) {
      const score = clamp(scores[leader.model]!);
      if (score >= leader.score) continue;
      const leaderExcess = (leader.score - Math.max(leader.second, score)) / this.#models[leader.model]!.tailScale;
      if (leaderExcess >= excess) ahead.add(leader.row);
    }
    const smallest = 1 / (this.rows + 1);
    const tailPValue = smallest * Math.exp(-excess);
    return { pValue: (1 + ahead.size) / (this.rows + 1), tailPValue, smallestPValue: smallest };
  }
}

/** A calibration row that alone has the largest score of a model. */
interface Leader {
  model: number;
  row: number;
  score: number;
  /** The next score below; −∞ where there is none. */
  second: number;
}

function leaderOf(scores: Float32Array, sorted: Float32Array, model: number): Leader[] {
  const score = sorted.at(-1);
  const second = sorted.at(-2) ?? Number.NEGATIVE_INFINITY;
  if (score === undefined || score === second) return [];
  return [{ model, row: scores.indexOf(score), score, second }];
}

const clamp = (score: number): number => Math.min(Math.max(score, -FLOAT32_MAX), FLOAT32_MAX);
