import { rowsByScore } from './rows-by-score.ts';

/** What the calibration rows are ranked by. */
export interface Ranking {
  /** One array a model. */
  readonly sortedScores: readonly Float32Array[];
  /** `rowsBelow[k]`: rows whose best rank (1 = largest score of a model; equal scores share the larger rank) is below k. */
  readonly rowsBelow: Int32Array;
  /** Rows by their best ranks, then by the models they have it in, then the more extreme first. */
  readonly byBestRank: Uint32Array;
  /** Where the run of rows ends, in `byBestRank`, that have the same best rank in the same models. */
  readonly runEnd: Uint32Array;
  /** Of each row: in which models (bits) it has its best rank. */
  readonly bestModels: Uint32Array;
}

/**
 * Ranks the rows, `scores` being one array a model with the rows in the same order. Yields after every few milliseconds (of
 * 10,000 rows), for callers that let the event loop turn there.
 */
export function* rankingSteps(scores: readonly Float32Array[]): Generator<void, Ranking, void> {
  const rows = scores[0]?.length ?? 0;
  const sortedScores: Float32Array[] = [];
  const best: BestRanks = { ranks: new Int32Array(rows).fill(rows + 1), models: new Uint32Array(rows) };
  for (const [model, ofModel] of scores.entries()) {
    sortedScores.push(ofModel.toSorted());
    takeBetterRanks(best, ofModel, model);
    yield;
  }
  const rowsBelow = new Int32Array(rows + 2);
  for (let row = 0; row < rows; row++) rowsBelow[best.ranks[row]! + 1]!++;
  for (let rank = 1; rank < rows + 2; rank++) rowsBelow[rank]! += rowsBelow[rank - 1]!;
  const byBestRank = new Uint32Array(rows);
  const next = rowsBelow.slice();
  for (let row = 0; row < rows; row++) byBestRank[next[best.ranks[row]!]!++] = row;
  yield;
  const runEnd = sortIntoRuns(byBestRank, rowsBelow, best.models, scores);
  return { sortedScores, rowsBelow, byBestRank, runEnd, bestModels: best.models };
}

/** The same in one go. */
export function rankingOf(scores: readonly Float32Array[]): Ranking {
  const steps = rankingSteps(scores);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Of each row the best rank over the models so far, and the models (bits) it has it in. */
interface BestRanks {
  ranks: Int32Array;
  models: Uint32Array;
}

function takeBetterRanks({ ranks, models }: BestRanks, scores: Float32Array, model: number): void {
  const order = rowsByScore(scores);
  let rank = scores.length;
  let last = Number.NaN;
  for (let place = 0; place < order.length; place++) {
    const row = order[place]!;
    if (scores[row] !== last) rank = order.length - place;
    last = scores[row]!;
    if (rank > ranks[row]!) continue;
    models[row] = rank === ranks[row]! ? models[row]! | (1 << model) : 1 << model;
    ranks[row] = rank;
  }
}

/** Orders the rows of each best rank in `byBestRank`; returns where each run ends. */
function sortIntoRuns(
  byBestRank: Uint32Array,
  rowsBelow: Int32Array,
  bestModels: Uint32Array,
  scores: readonly Float32Array[],
): Uint32Array {
  const compare = (left: number, right: number): number => {
    if (bestModels[left] !== bestModels[right]) return bestModels[left]! - bestModels[right]!;
    for (const ofModel of scores) if (ofModel[left] !== ofModel[right]) return ofModel[right]! - ofModel[left]!;
    return 0;
  };
  const rows = byBestRank.length;
  const runEnd = new Uint32Array(rows);
  for (let rank = 1; rank <= rows; rank++) {
    const start = rowsBelow[rank]!;
    const end = rowsBelow[rank + 1]!;
    if (end - start === 2) {
      // The most frequent by far: to call the sort for each of them would take as long as all the rest.
      const [first, second] = [byBestRank[start]!, byBestRank[start + 1]!];
      if (compare(first, second) > 0) byBestRank.set([second, first], start);
    } else if (end - start > 2) {
      byBestRank.subarray(start, end).sort(compare);
    }
    for (let place = end - 1; place >= start; place--) {
      const isLast = place + 1 === end || bestModels[byBestRank[place]!] !== bestModels[byBestRank[place + 1]!];
      runEnd[place] = isLast ? place + 1 : runEnd[place + 1]!;
    }
  }
  return runEnd;
}
