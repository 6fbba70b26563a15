/**
 * Seeded pseudo-random numbers: sfc32 (Doty-Humphrey's Small Fast Chaotic generator), seeded through splitmix32.
 * The same seed gives the same numbers on every machine; nothing in the suite's domain code uses another source.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    let mix = seed >>> 0;
    const next = (): number => {
      mix = (mix + 0x9e3779b9) | 0;
      let value = Math.imul(mix ^ (mix >>> 16), 0x21f0aaad);
      value = Math.imul(value ^ (value >>> 15), 0x735a2d97);
      return (value ^ (value >>> 15)) | 0;
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    for (let round = 0; round < 12; round++) this.uint32();
  }

  uint32(): number {
    const result = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  /** Uniform in [0, 1), 53 bits. */
  next(): number {
    return (this.uint32() * 0x200000 + (this.uint32() >>> 11)) / 0x20000000000000;
  }

  /** Uniform integer in [0, bound). */
  int(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  uniform(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** Exponentially distributed with the given mean. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next());
  }

  /** Standard normal (Box–Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('nothing to pick from');
    return items[this.int(items.length)]!;
  }

  /** `size` different integers of [0, bound) in random order (the first steps of a Fisher–Yates shuffle). */
  sample(bound: number, size: number): Int32Array {
    if (size > bound) throw new RangeError(`can't draw ${size} different numbers out of ${bound}`);
    return size < bound / 16 ? this.#sampleFew(bound, size) : this.#shuffled(bound, size);
  }

  #shuffled(bound: number, size: number): Int32Array {
    const order = Int32Array.from({ length: bound }, (_, index) => index);
    for (let index = 0; index < size; index++) {
      const other = index + this.int(bound - index);
      const drawn = order[other]!;
      order[other] = order[index]!;
      order[index] = drawn;
    }
    return order.slice(0, size);
  }

  /** The same draws as `#shuffled`, keeping only what has moved. */
  #sampleFew(bound: number, size: number): Int32Array {
    const moved = new Map<number, number>();
    const drawn = new Int32Array(size);
    for (let index = 0; index < size; index++) {
      const other = index + this.int(bound - index);
      drawn[index] = moved.get(other) ?? other;
      moved.set(other, moved.get(index) ?? index);
    }
    return drawn;
  }

  /** An independent generator, fixed by this one's state. */
  fork(): Random {
    return new Random(this.uint32());
  }
}
