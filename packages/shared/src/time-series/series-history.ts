/** Weights of the newest value in the two moving averages that say how a series came to its value. */
const FAST_WEIGHT = 0.3;
const SLOW_WEIGHT = 0.05;
/** After so many missing values nothing is known of the way, and the averages start again. */
export const LONGEST_GAP = 60;

/**
 * The newest values of a series with the moving averages after each, in a ring of fixed length. A value and its two averages
 * are a state of the series: where it stands and where it comes from. A missing value is NaN, and so are the averages after
 * it; of a longer gap 60 are kept. float32: whole numbers are exact up to 16,777,216.
 */
export class SeriesHistory {
  readonly values: Float32Array;
  readonly fast: Float32Array;
  readonly slow: Float32Array;
  /** Values held, the missing ones among them included; the oldest one is never missing. */
  length = 0;
  /** Where the next value goes. */
  next = 0;

  constructor(capacity: number) {
    this.values = new Float32Array(capacity);
    this.fast = new Float32Array(capacity);
    this.slow = new Float32Array(capacity);
  }

  /** Appends a value, NaN = missing; the oldest one goes when the ring is full. */
  push(value: number): void {
    const rounded = Math.fround(value);
    const before = this.newestObserved();
    if (Number.isNaN(rounded)) {
      if (before !== -1 && this.ageOf(before) < LONGEST_GAP) this.pushState(Number.NaN, Number.NaN, Number.NaN);
    } else if (before === -1 || this.ageOf(before) >= LONGEST_GAP) this.pushState(rounded, rounded, rounded);
    else {
      const fast = this.fast[before]!;
      const slow = this.slow[before]!;
      this.pushState(rounded, fast + FAST_WEIGHT * (rounded - fast), slow + SLOW_WEIGHT * (rounded - slow));
    }
  }

  /** Appends a value whose moving averages are known. */
  pushState(value: number, fast: number, slow: number): void {
    this.values[this.next] = value;
    this.fast[this.next] = fast;
    this.slow[this.next] = slow;
    this.next = (this.next + 1) % this.values.length;
    this.length = Math.min(this.length + 1, this.values.length);
    while (Number.isNaN(this.values[this.at(this.length - 1)]!)) this.length--;
  }

  /** Place in the ring of the value that is `age` values older than the newest; −1 where there is none. */
  at(age: number): number {
    if (age >= this.length) return -1;
    const place = this.next - 1 - age;
    return place < 0 ? place + this.values.length : place;
  }

  /** The reverse of `at`. */
  ageOf(place: number): number {
    const age = this.next - 1 - place;
    return age < 0 ? age + this.values.length : age;
  }

  /**
   * Runs of places of all values but the `newest` ones, as [start, end) pairs: at most two, since a ring may wrap around.
   * Writes them to `runs` and returns how many numbers that were.
   */
  placesBefore(newest: number, runs: Int32Array): number {
    const count = this.length - newest;
    if (count <= 0) return 0;
    const capacity = this.values.length;
    const end = (this.next - newest + capacity) % capacity || capacity;
    const start = end - count;
    if (start >= 0) {
      runs[0] = start;
      runs[1] = end;
      return 2;
    }
    runs[0] = 0;
    runs[1] = end;
    runs[2] = start + capacity;
    runs[3] = capacity;
    return 4;
  }

  /** Place of the newest value that is not missing; −1 where there is none. */
  newestObserved(): number {
    for (let age = 0; age < this.length; age++) {
      const place = this.at(age);
      if (!Number.isNaN(this.values[place]!)) return place;
    }
    return -1;
  }
}
