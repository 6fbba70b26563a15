import type { Random } from '@liminal/shared/runtime/random';

/**
 * Ways to call `referenceRows` of `rows` pooled rows the reference: the true one first (the first rows), then `count` at
 * random. One array of marks a way, 1 = reference.
 */
export function* labellings(
  rows: number,
  referenceRows: number,
  count: number,
  random: Random,
): Generator<Uint8Array, void, undefined> {
  const marks = new Uint8Array(rows).fill(1, 0, referenceRows);
  yield marks;
  for (let way = 0; way < count; way++) {
    for (let index = rows - 1; index > 0; index--) {
      const other = Math.floor((random.uint32() / 0x1_0000_0000) * (index + 1));
      const mark = marks[index]!;
      marks[index] = marks[other]!;
      marks[other] = mark;
    }
    yield marks;
  }
}

/**
 * Counts how many random labellings are at least as extreme as the true one: the p-value (1 + those)/(1 + all) is exact
 * where all rows come from one distribution, at any number of rows (Phipson & Smyth 2010).
 */
export class PermutationTest {
  #observed: number | undefined;
  #ways = 0;
  #asExtreme = 0;

  /** Statistics in the order of `labellings`, the true labelling first. */
  add(statistic: number): void {
    if (this.#observed === undefined) {
      this.#observed = statistic;
      return;
    }
    this.#ways++;
    // Equal labellings, summed in another order, may differ by rounding.
    if (statistic >= this.#observed - 1e-12 * Math.abs(this.#observed)) this.#asExtreme++;
  }

  /** Of the true labelling. */
  get observed(): number {
    return this.#observed ?? 0;
  }

  get pValue(): number {
    return (1 + this.#asExtreme) / (1 + this.#ways);
  }
}
