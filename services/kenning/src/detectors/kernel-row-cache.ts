/**
 * Rows of the kernel matrix, the least recently used one making room for a new one. Holds at most `capacityBytes`, but
 * two rows in any case, since a step of the solver works on two at once.
 */
export class KernelRowCache {
  readonly #capacityBytes: number;
  /** In order of use: a map keeps its keys in the order in which they came in. */
  readonly #rows = new Map<number, Float32Array>();
  #length: number;

  /** `length`: values in a row. */
  constructor(length: number, capacityBytes: number) {
    this.#length = length;
    this.#capacityBytes = capacityBytes;
  }

  get sizeBytes(): number {
    return this.#rows.size * this.#rowBytes;
  }

  /** The row kept under `key`, as the most recently used one. */
  get(key: number): Float32Array | undefined {
    const row = this.#rows.get(key);
    if (row === undefined) return undefined;
    this.#rows.delete(key);
    this.#rows.set(key, row);
    return row;
  }

  /** A row to fill for `key`, which has none; what it holds is left over from the row that made room for it. */
  add(key: number): Float32Array {
    let row: Float32Array | undefined;
    while (this.#rows.size >= 2 && this.sizeBytes + this.#rowBytes > this.#capacityBytes) {
      const [oldest, freed] = this.#rows.entries().next().value!;
      this.#rows.delete(oldest);
      row = freed;
    }
    row ??= new Float32Array(this.#length);
    this.#rows.set(key, row);
    return row;
  }

  /** Keeps the given columns (rising) of the rows whose key is one of them; each gets its place among them as key. */
  keep(columns: Int32Array): void {
    const places = new Map(Array.from(columns, (column, place) => [column, place]));
    const kept = Array.from(this.#rows).filter(([key]) => places.has(key));
    this.#rows.clear();
    this.#length = columns.length;
    for (const [key, row] of kept) {
      // In place: a column's new place is never right of its old one.
      for (let place = 0; place < columns.length; place++) row[place] = row[columns[place]!]!;
      this.#rows.set(places.get(key)!, row.slice(0, columns.length));
    }
  }

  /** Forgets all rows; new ones have `length` values. */
  reset(length: number): void {
    this.#rows.clear();
    this.#length = length;
  }

  get #rowBytes(): number {
    return this.#length * Float32Array.BYTES_PER_ELEMENT;
  }
}
