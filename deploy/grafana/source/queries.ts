/** Labels to sum by; none: one number. */
type By = string | readonly string[];

const EVERY_SCRAPE = '$__rate_interval';

const by = (labels: By): string => {
  const list = [labels].flat().filter((label) => label !== '');
  return list.length === 0 ? '' : ` by (${list.join(', ')})`;
};

/** Of a counter, `name{label="x"}` with or without a selector: its rate per second over the step of the graph. */
export const perSecond = (counter: string, labels: By = ''): string =>
  `sum${by(labels)} (rate(${counter}[${EVERY_SCRAPE}]))`;

/** How much a counter has grown in the window. */
export const grown = (counter: string, window: string, labels: By = ''): string =>
  `sum${by(labels)} (increase(${counter}[${window}]))`;

/** Quantile of a classic histogram, named without `_bucket`. */
export function quantile(q: number, histogram: string, labels: By = '', window = EVERY_SCRAPE): string {
  const [, name, selector = ''] = /^(\w+)(\{.*\})?$/.exec(histogram)!;
  const buckets = `rate(${name}_bucket${selector}[${window}])`;
  return `histogram_quantile(${q}, sum${by(['le', ...[labels].flat()])} (${buckets}))`;
}

/** The median and the 99th percentile, as a graph shows them. */
export const medianAndP99 = (histogram: string): Record<string, string> => ({
  p99: quantile(0.99, histogram),
  median: quantile(0.5, histogram),
});

/** The mean of a histogram. */
export function mean(histogram: string, window: string, labels: By = ''): string {
  const [, name, selector = ''] = /^(\w+)(\{.*\})?$/.exec(histogram)!;
  return share(grown(`${name}_sum${selector}`, window, labels), grown(`${name}_count${selector}`, window, labels));
}

/** Counts that stay 0 have no rate to divide by: no data then, rather than NaN. */
export const share = (part: string, whole: string): string => `${part} / (${whole} > 0)`;

/** `0` where a query has nothing, so that "none" can be told from "unknown" by whether the panel is empty. */
export const orZero = (query: string): string => `${query} or vector(0)`;
