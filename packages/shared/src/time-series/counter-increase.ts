/**
 * How much a counter grew between two readings. A counter only grows, so that a smaller reading means that it began again from
 * 0, and all of it is increase (as Prometheus' `increase` has it). NaN where either reading is missing.
 */
export function counterIncrease(previous: number, current: number): number {
  return current < previous ? current : current - previous;
}
