import type { SeriesHistory } from './series-history.ts';

/** A run of equal values must be so many times as long as any before it. */
const RECORD_FACTOR = 2;
/** A series that never repeats itself may do it so many times in a row by chance. */
const LEAST_LONGEST = 2;

export interface Repetition {
  /** Equal values at the end of the series. */
  run: number;
  /** `run` relative to the length that is out of the ordinary: from 1 on it is. 0 where there is nothing to compare with. */
  ratio: number;
}

const NOTHING: Repetition = { run: 0, ratio: 0 };

/**
 * Whether a series stands still, as a counter does that is no longer fed: its newest value has come twice as often in a row
 * as any value in its history. Where runs are long by nature, as the zeros of a quiet channel are, it takes a long one; a
 * series that never moved can't stand still. `reported`: length of the present run at which it was last reported; it counts
 * as an ordinary length from then on, so that a lasting standstill is reported ever more rarely.
 */
export function repetition(history: SeriesHistory, reported: number): Repetition {
  const { values, length } = history;
  if (length === 0) return NOTHING;
  const newest = values[history.at(0)]!;
  let run = 1;
  while (run < length && values[history.at(run)] === newest) run++;
  // Most values are unlike the one before: there is nothing to look up.
  if (run < RECORD_FACTOR * LEAST_LONGEST || run === length) return { run, ratio: 0 };
  const ordinary = Math.max(LEAST_LONGEST, reported, longestRun(history, run));
  return { run, ratio: run / (RECORD_FACTOR * ordinary) };
}

/** Longest run of equal values that are at least `youngest` values old. */
function longestRun(history: SeriesHistory, youngest: number): number {
  const { values, length } = history;
  let longest = 0;
  let run = 0;
  let previous = Number.NaN;
  for (let age = youngest; age < length; age++) {
    const value = values[history.at(age)]!;
    run = value === previous ? run + 1 : 1;
    previous = value;
    if (run > longest) longest = run;
  }
  return longest;
}
