/** What a detector said of judged points: interval and score; a standstill alarms at any threshold and scores Infinity. */
export interface JudgedPoint {
  minute: number;
  score: number;
}

/** A standard deviation of the long run: below it nothing is out of the ordinary, however calm the series has been so far. */
export const LEAST_THRESHOLD = 1;

/**
 * The smallest of the scores that, as a threshold, gives at most so many alarms with a silence after each; just above the highest
 * score where none does. At least 1.
 */
export function thresholdFor(points: readonly JudgedPoint[], alarms: number, silence: number): number {
  const candidates = [...new Set(points.map(({ score }) => score))]
    .filter((score) => score > LEAST_THRESHOLD && Number.isFinite(score))
    .sort((left, right) => right - left);
  let chosen = ABOVE * (candidates[0] ?? LEAST_THRESHOLD);
  // From the highest one down: where a lower threshold gives more alarms than wanted, the search is over.
  for (const candidate of [...thinned(candidates), LEAST_THRESHOLD]) {
    if (alarmCount(points, candidate, silence) > alarms) break;
    chosen = candidate;
  }
  return chosen;
}

const ABOVE = 1.01;
const MOST_CANDIDATES = 500;

/** So many of them that each is little below the one before. */
function thinned(descending: readonly number[]): number[] {
  const kept: number[] = [];
  const ratio = ((descending[0] ?? 1) / (descending.at(-1) ?? 1)) ** (1 / MOST_CANDIDATES);
  for (const score of descending) if (kept.length === 0 || score <= kept.at(-1)! / ratio) kept.push(score);
  return kept;
}

function alarmCount(points: readonly JudgedPoint[], threshold: number, silence: number): number {
  let count = 0;
  let last = Number.NEGATIVE_INFINITY;
  for (const { minute, score } of points) {
    if (!(score >= threshold) || minute - last <= silence) continue;
    last = minute;
    count++;
  }
  return count;
}
