import type { Counter, Gauge } from 'prom-client';

/**
 * Shows a counter as 0 for each value of its label from the start: Prometheus sees no increase in a series that begins
 * with its first event, so an alert on it would miss that one.
 */
export function fromZero<Label extends string, Of extends Counter<Label>>(
  counter: Of,
  ...labels: Partial<Record<Label, string>>[]
): Of {
  for (const values of labels) counter.inc(values as Record<Label, string>, 0);
  return counter;
}

/** Shows no value before the first one is known, where the client would show 0. */
export function absentAtFirst(gauge: Gauge): Gauge {
  gauge.remove();
  return gauge;
}
