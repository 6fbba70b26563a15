import { countBelow } from './count-below.ts';

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
  readonly #sortedScores: readonly Float32Array[];
  readonly #leaders: readonly Leader[];
  /** `#rowsBelow[k]`: calibration rows whose best rank among themselves is below k. */
  readonly #rowsBelow: Int32Array;
  /** Calibration rows by their best ranks, then by the models they have it in, then the more extreme first. */
  readonly #byBestRank: Uint32Array;
  /** Where the run of rows ends that have the same best rank in the same models. */
  readonly #runEnd: Uint32Array;
  /** Of each calibration row: in which models (bits) it has its best rank. */
  readonly #bestModels: Uint32Array;
  /** Row-major [rows, models]. */
  readonly #scores: Float32Array;
  readonly #tailScales: readonly number[];

  /** At most 31 models. */
  constructor(models: readonly CalibratedModel[]) {
    const rows = models[0]?.scores.length ?? 0;
    this.rows = rows;
    this.#tailScales = models.map((model) => model.tailScale);
    this.#scores = Float32Array.from(
      { length: rows * models.length },
      (_, index) => models[index % models.length]!.scores[Math.floor(index / models.length)]!,
    );
    this.#sortedScores = models.map(({ scores }) => scores.toSorted());
    this.#leaders = models.flatMap(({ scores }, model) => leaderOf(scores, this.#sortedScores[model]!, model));
    const best = bestRanks(models, this.#sortedScores);
    this.#rowsBelow = new Int32Array(rows + 2);
    for (const rank of best.ranks) this.#rowsBelow[rank + 1]!++;
    for (let rank = 1; rank < rows + 2; rank++) this.#rowsBelow[rank]! += this.#rowsBelow[rank - 1]!;
    this.#bestModels = best.models;
    this.#byBestRank = new Uint32Array(rows);
    const next = this.#rowsBelow.slice();
    for (let row = 0; row < rows; row++) this.#byBestRank[next[best.ranks[row]!]!++] = row;
    this.#runEnd = this.#sortIntoRuns();
  }

  /** `scores`: one a model, in the order of the constructor. */
  combine(scores: ArrayLike<number>): CombinedPValue {
    const { rows } = this;
    if (this.#sortedScores.length === 0) return { pValue: 1, tailPValue: 1 };
    let bestRank = rows + 1;
    for (let model = 0; model < scores.length; model++) {
      const sorted = this.#sortedScores[model]!;
      bestRank = Math.min(bestRank, 1 + rows - countBelow(sorted, scores[model]!));
    }
    if (bestRank === 1 && rows > 0) return this.#combineLeading(scores);
    const pValue = (1 + this.#rowsAtLeastAsExtreme(bestRank, scores)) / (rows + 1);
    return { pValue, tailPValue: bestRank / (rows + 1) };
  }

  /**
   * Calibration rows that are at least as extreme as the tested row, which has rank `bestRank` >= 2. A row of rank k among
   * the calibration rows keeps it in the pool where its score is above the tested one, and has k + 1 otherwise.
   */
  #rowsAtLeastAsExtreme(bestRank: number, scores: ArrayLike<number>): number {
    let count = this.#rowsBelow[bestRank - 1]!;
    for (let rank = bestRank - 1; rank <= Math.min(bestRank, this.rows); rank++) {
      const modelsAbove = this.#modelsAbove(rank, scores);
      const end = this.#rowsBelow[rank + 1]!;
      for (let place = this.#rowsBelow[rank]!; place < end; place = this.#runEnd[place]!) {
        const keepsRank = (this.#bestModels[this.#byBestRank[place]!]! & modelsAbove) !== 0;
        const rankInPool = keepsRank ? rank : rank + 1;
        if (rankInPool < bestRank) count += this.#runEnd[place]! - place;
        else if (rankInPool === bestRank) count += this.#countAtLeast(place, this.#runEnd[place]!, scores);
      }
    }
    return count;
  }

  /** In which models (bits) the calibration score of this rank is above the tested one. */
  #modelsAbove(rank: number, scores: ArrayLike<number>): number {
    let models = 0;
    for (let model = 0; model < scores.length; model++) {
      if (scores[model]! < this.#sortedScores[model]![this.rows - rank]!) models |= 1 << model;
    }
    return models;
  }

  /** How many rows of a run are at least as extreme as the tested one by the first score that differs. */
  #countAtLeast(start: number, end: number, scores: ArrayLike<number>): number {
    let low = start;
    let high = end;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(this.#byBestRank[middle]!, scores, 0) >= 0) low = middle + 1;
      else high = middle;
    }
    return low - start;
  }

  /** Positive where a calibration row is more extreme than `scores[start…]` by the first score that differs. */
  #compare(row: number, scores: ArrayLike<number>, start: number): number {
    const models = this.#tailScales.length;
    for (let model = 0; model < models; model++) {
      const difference = this.#scores[row * models + model]! - scores[start + model]!;
      if (difference !== 0) return difference;
    }
    return 0;
  }

  /** Orders the rows of each best rank; returns where each run ends. */
  #sortIntoRuns(): Uint32Array {
    const { rows } = this;
    const order = this.#byBestRank;
    const best = this.#bestModels;
    const models = this.#tailScales.length;
    const runEnd = new Uint32Array(rows);
    for (let rank = 1; rank <= rows; rank++) {
      const start = this.#rowsBelow[rank]!;
      const end = this.#rowsBelow[rank + 1]!;
      if (end - start > 1) {
        order
          .subarray(start, end)
          .sort((left, right) => best[left]! - best[right]! || this.#compare(right, this.#scores, left * models));
      }
      for (let place = end - 1; place >= start; place--) {
        const isLast = place + 1 === end || best[order[place]!] !== best[order[place + 1]!];
        runEnd[place] = isLast ? place + 1 : runEnd[place + 1]!;
      }
    }
    return runEnd;
  }

  /** The tested row has the largest score of the pool in some model: only rows that lead other models can be ahead. */
  #combineLeading(scores: ArrayLike<number>): CombinedPValue {
    let excess = 0;
    for (let model = 0; model < scores.length; model++) {
      const largest = this.#sortedScores[model]!.at(-1)!;
      excess = Math.max(excess, (clamp(scores[model]!) - largest) / this.#tailScales[model]!);
    }
    const ahead = new Set<number>();
    for (const leader of this.#leaders) {
      const score = clamp(scores[leader.model]!);
      if (score >= leader.score) continue;
      const leaderExcess = (leader.score - Math.max(leader.second, score)) / this.#tailScales[leader.model]!;
      if (leaderExcess >= excess) ahead.add(leader.row);
    }
    const smallest = 1 / (this.rows + 1);
    return { pValue: (1 + ahead.size) / (this.rows + 1), tailPValue: smallest * Math.exp(-excess) };
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

/** Of each row the smallest rank (1 = largest score; equal scores share the larger rank) over the models, and where. */
function bestRanks(
  calibrated: readonly CalibratedModel[],
  sortedScores: readonly Float32Array[],
): { ranks: Int32Array; models: Uint32Array } {
  const rows = calibrated[0]?.scores.length ?? 0;
  const ranks = new Int32Array(rows).fill(rows + 1);
  const models = new Uint32Array(rows);
  calibrated.forEach(({ scores }, model) => {
    const sorted = sortedScores[model]!;
    for (let row = 0; row < rows; row++) {
      const rank = rows - countBelow(sorted, scores[row]!);
      if (rank > ranks[row]!) continue;
      models[row] = rank === ranks[row]! ? models[row]! | (1 << model) : 1 << model;
      ranks[row] = rank;
    }
  });
  return { ranks, models };
}

const clamp = (score: number): number => Math.min(Math.max(score, -FLOAT32_MAX), FLOAT32_MAX);
