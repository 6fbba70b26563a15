/** A reading of a counter and the interval it was taken in. */
export interface CounterReading {
  minute: number;
  /** NaN = none. */
  reading: number;
}

/** Before the first reading of a counter. */
export const NO_READING: CounterReading = { minute: Number.NEGATIVE_INFINITY, reading: Number.NaN };

/**
 * How much a counter grew from a reading to the next one. A counter only grows, so that a smaller reading means that it began
 * again from 0, and all of it is increase (as Prometheus' `increase` has it). NaN where either reading is missing, or where
 * intervals lie between them: what grew over several of them is not what grows over one.
 */
export function counterIncrease(previous: CounterReading, current: CounterReading): number {
  if (current.minute - previous.minute !== 1) return Number.NaN;
  return current.reading < previous.reading ? current.reading : current.reading - previous.reading;
}
