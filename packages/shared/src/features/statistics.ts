/**
 * Burstiness of a point process from the gaps between its events (Goh & Barabási 2008) with the correction for short
 * sequences of Kim & Jo (2016, eq. 22): −1 for equal gaps, 0 for a Poisson process, towards 1 for bursts.
 * `times`: sorted, any unit. NaN below 3 events.
 */
export function burstiness(times: ArrayLike<number>): number {
  const gaps = times.length - 1;
  if (gaps < 2) return Number.NaN;
  const mean = (times[gaps]! - times[0]!) / gaps;
  // All events at one instant: the gaps are equal.
  if (mean === 0) return -1;
  let squares = 0;
  for (let index = 1; index <= gaps; index++) {
    const deviation = times[index]! - times[index - 1]! - mean;
    squares += deviation * deviation;
  }
  const variation = Math.sqrt(squares / gaps) / mean;
  const upper = Math.sqrt(gaps + 1);
  const lower = Math.sqrt(gaps - 1);
  return (upper * variation - lower) / ((upper - 2) * variation + lower);
}

/** Shannon entropy in bits of the empirical distribution of `values`. NaN without values. */
export function entropyBits(values: Iterable<number>): number {
  const counts = new Map<number, number>();
  let total = 0;
  for (const value of values) {
    counts.set(value, (counts.get(value) ?? 0) + 1);
    total++;
  }
  return total === 0 ? Number.NaN : entropyOfCounts(counts.values(), total);
}

/** Conditional entropy H(outcome | condition) in bits of paired observations. NaN without observations. */
export function conditionalEntropyBits(conditions: readonly number[], outcomes: readonly number[]): number {
  const total = conditions.length;
  if (total === 0) return Number.NaN;
  const groups = new Map<number, Map<number, number>>();
  for (let index = 0; index < total; index++) {
    let counts = groups.get(conditions[index]!);
    if (counts === undefined) {
      counts = new Map();
      groups.set(conditions[index]!, counts);
    }
    counts.set(outcomes[index]!, (counts.get(outcomes[index]!) ?? 0) + 1);
  }
  let bits = 0;
  for (const counts of groups.values()) {
    let size = 0;
    for (const count of counts.values()) size += count;
    bits += (size / total) * entropyOfCounts(counts.values(), size);
  }
  return bits;
}

function entropyOfCounts(counts: Iterable<number>, total: number): number {
  let bits = 0;
  for (const count of counts) {
    const probability = count / total;
    if (count < total) bits -= probability * Math.log2(probability);
  }
  return bits;
}

/** Median of the gaps between sorted `times`, in the unit of `times`. NaN below 2. */
export function medianGap(times: readonly number[]): number {
  if (times.length < 2) return Number.NaN;
  const gaps = times.slice(1).map((time, index) => time - times[index]!);
  gaps.sort((a, b) => a - b);
  const middle = gaps.length >> 1;
  return gaps.length % 2 === 1 ? gaps[middle]! : (gaps[middle - 1]! + gaps[middle]!) / 2;
}
