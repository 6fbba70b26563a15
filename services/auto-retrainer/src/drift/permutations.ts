import type { Random } from '@liminal/shared/runtime/random';

/** A test is decided when this share of its labellings were as extreme: at this p-value stopping costs no precision. */
export const ENOUGH_SHARE = 0.05;

/**
 * Ways to call `referenceRows` of `rows` pooled rows the reference: the true one first (the first rows), then `count` at
 * random. One mark for each row, 1 = reference, valid until the next way is asked for.
 */
export function* labellings(
  rows: number,
  referenceRows: number,
  count: number,
  random: Random,
): Generator<Uint8Array, void, undefined> {
  const marks = new Uint8Array(rows).fill(1, 0, referenceRows);
  const order = Int32Array.from({ length: rows }, (_, row) => row);
  yield marks;
  for (let way = 0; way < count; way++) {
    marks.fill(0);
    // The first steps of a Fisher–Yates shuffle, from whatever order the last one has left.
    for (let place = 0; place < referenceRows; place++) {
      const other = place + Math.floor((random.uint32() / 0x1_0000_0000) * (rows - place));
      const row = order[other]!;
      order[other] = order[place]!;
      order[place] = row;
      marks[row] = 1;
    }
    yield marks;
  }
}

/**
 * Counts how many random labellings are at least as extreme as the true one: the p-value (1 + those)/(1 + all) is exact
 * where all rows come from one distribution, at any number of rows (Phipson & Smyth 2010). It is decided early when
 * `enough` were as extreme: enough/all keeps what the p-value promises (Besag & Clifford 1991, section 3).
 */
export class PermutationTest {
  readonly #enough: number;
  #observed: number | undefined;
  #ways = 0;
  #asExtreme = 0;

  constructor(enough: number) {
    this.#enough = enough;
  }

  get isDecided(): boolean {
    return this.#asExtreme === this.#enough;
  }

  /** Statistics in the order of `labellings`, the true labelling first; those after the decision are left out. */
  add(statistic: number): void {
    if (this.#observed === undefined) {
      this.#observed = statistic;
      return;
    }
    if (this.isDecided) return;
    this.#ways++;
    // Equal labellings, summed in another order, may differ by rounding.
    if (statistic >= this.#observed - 1e-12 * Math.abs(this.#observed)) this.#asExtreme++;
  }

  /** Of the true labelling. */
  get observed(): number {
    return this.#observed ?? 0;
  }

  get pValue(): number {
    return this.isDecided ? this.#asExtreme / this.#ways : (1 + this.#asExtreme) / (1 + this.#ways);
  }
}
