/** Weights of the newest value in the two moving averages that say how a series came to its value. */
const FAST_WEIGHT = 0.3;
const SLOW_WEIGHT = 0.05;

/**
 * The newest observed values of a series with the moving averages after each, in a ring of fixed length. A value and its two
 * averages are a state of the series: where it stands and where it comes from. float32: whole numbers are exact up to
 * 16,777,216.
 */
export class SeriesHistory {
  readonly values: Float32Array;
  readonly fast: Float32Array;
  readonly slow: Float32Array;
  /** Values held. */
  length = 0;
  /** Where the next value goes. */
  next = 0;

  constructor(capacity: number) {
    this.values = new Float32Array(capacity);
    this.fast = new Float32Array(capacity);
    this.slow = new Float32Array(capacity);
  }

  /** Appends a value; the oldest one goes when the ring is full. */
  push(value: number): void {
    const rounded = Math.fround(value);
    const newest = this.at(0);
    if (newest === -1) this.pushState(rounded, rounded, rounded);
    else {
      const { fast, slow } = this;
      this.pushState(
        rounded,
        fast[newest]! + FAST_WEIGHT * (rounded - fast[newest]!),
        slow[newest]! + SLOW_WEIGHT * (rounded - slow[newest]!),
      );
    }
  }

  /** Appends a value whose moving averages are known. */
  pushState(value: number, fast: number, slow: number): void {
    this.values[this.next] = value;
    this.fast[this.next] = fast;
    this.slow[this.next] = slow;
    this.next = (this.next + 1) % this.values.length;
    this.length = Math.min(this.length + 1, this.values.length);
  }

  /** Place in the ring of the value that is `age` values older than the newest; −1 where there is none. */
  at(age: number): number {
    if (age >= this.length) return -1;
    const place = this.next - 1 - age;
    return place < 0 ? place + this.values.length : place;
  }

  /**
   * Runs of places of all values but the `newest` ones, as [start, end) pairs: at most two, since a ring may wrap around.
   * Writes them to `runs` and returns how many numbers that were.
   */
  placesBefore(newest: number, runs: Int32Array): number {
    const count = this.length - newest;
    if (count <= 0) return 0;
    const capacity = this.values.length;
    const end = (((this.next - newest) % capacity) + capacity) % capacity || capacity;
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
}
