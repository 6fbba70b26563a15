import type { Random } from '@liminal/shared/runtime/random';
import { previousFloat32 } from './float32.ts';
import { averagePathLength } from './isolation-path-length.ts';
import type { Matrix } from './matrix.ts';

export interface IsolationTreeOptions {
  /** Rows drawn for each tree, at most the number of rows. */
  sampleSize: number;
  /** Depth at which a node is a leaf whatever it holds. */
  heightLimit: number;
  /** Path lengths of leaves are multiples of this. */
  grid: number;
}

/** Grows isolation trees (Liu, Ting & Zhou 2008, algorithm 2) into shared flat arrays; see `IsolationForest`. */
export class IsolationTreeGrower {
  readonly #rows: Matrix;
  readonly #options: IsolationTreeOptions;
  /** The rows of the tree in work. A split reorders them so that a node's rows lie side by side. */
  readonly #sample: Float32Array;
  readonly #order: Int32Array;
  readonly #columnOrder: Int32Array;
  readonly #leafPathLengths: Float64Array;
  #feature = new Int32Array(1 << 12);
  #threshold = new Float32Array(1 << 12);
  #right = new Int32Array(1 << 12);
  #pathLength = new Float32Array(1 << 12);
  #cover = new Float32Array(1 << 12);
  #count = 0;

  constructor(rows: Matrix, options: IsolationTreeOptions) {
    this.#rows = rows;
    this.#options = options;
    this.#sample = new Float32Array(options.sampleSize * rows.columns);
    this.#order = new Int32Array(options.sampleSize);
    this.#columnOrder = Int32Array.from({ length: rows.columns }, (_, column) => column);
    this.#leafPathLengths = Float64Array.from({ length: options.sampleSize + 1 }, (_, size) => averagePathLength(size));
  }

  /** Adds one tree and gives its root. */
  grow(random: Random): number {
    const { columns, values } = this.#rows;
    const drawn = random.sample(this.#rows.rows, this.#options.sampleSize);
    for (let index = 0; index < drawn.length; index++) {
      const source = drawn[index]! * columns;
      for (let column = 0; column < columns; column++) {
        this.#sample[index * columns + column] = values[source + column]!;
      }
      this.#order[index] = index;
    }
    this.#reserve(2 * drawn.length);
    return this.#growNode(0, drawn.length, 0, random);
  }

  nodes() {
    return {
      feature: this.#feature.slice(0, this.#count),
      threshold: this.#threshold.slice(0, this.#count),
      right: this.#right.slice(0, this.#count),
      pathLength: this.#pathLength.slice(0, this.#count),
      cover: this.#cover.slice(0, this.#count),
    };
  }

  #growNode(start: number, end: number, depth: number, random: Random): number {
    const node = this.#count++;
    this.#cover[node] = end - start;
    const split =
      depth < this.#options.heightLimit && end - start > 1 ? this.#drawSplit(start, end, random) : undefined;
    if (split === undefined) {
      const { grid } = this.#options;
      this.#feature[node] = -1;
      this.#pathLength[node] = Math.round((depth + this.#leafPathLengths[end - start]!) / grid) * grid;
      return node;
    }
    this.#feature[node] = split.column;
    this.#threshold[node] = split.threshold;
    const middle = this.#partition(start, end, split.column, split.threshold);
    this.#growNode(start, middle, depth + 1, random);
    this.#right[node] = this.#growNode(middle, end, depth + 1, random);
    return node;
  }

  /** A column drawn evenly from those that vary in the node, and a threshold; nothing where all rows are equal. */
  #drawSplit(start: number, end: number, random: Random): { column: number; threshold: number } | undefined {
    const candidates = this.#columnOrder;
    const { columns } = this.#rows;
    const sample = this.#sample;
    for (let tried = 0; tried < columns; tried++) {
      const other = tried + random.int(columns - tried);
      const column = candidates[other]!;
      candidates[other] = candidates[tried]!;
      candidates[tried] = column;
      let low = sample[this.#order[start]! * columns + column]!;
      let high = low;
      for (let index = start + 1; index < end; index++) {
        const value = sample[this.#order[index]! * columns + column]!;
        if (value < low) low = value;
        else if (value > high) high = value;
      }
      if (low < high) return { column, threshold: drawThreshold(low, high, random) };
    }
    return undefined;
  }

  #partition(start: number, end: number, column: number, threshold: number): number {
    const order = this.#order;
    const { columns } = this.#rows;
    let middle = start;
    for (let index = start; index < end; index++) {
      const row = order[index]!;
      if (this.#sample[row * columns + column]! <= threshold) {
        order[index] = order[middle]!;
        order[middle++] = row;
      }
    }
    return middle;
  }

  #reserve(nodes: number): void {
    if (this.#count + nodes <= this.#feature.length) return;
    const capacity = Math.max(2 * this.#feature.length, this.#count + nodes);
    this.#feature = enlarge(this.#feature, new Int32Array(capacity));
    this.#threshold = enlarge(this.#threshold, new Float32Array(capacity));
    this.#right = enlarge(this.#right, new Int32Array(capacity));
    this.#pathLength = enlarge(this.#pathLength, new Float32Array(capacity));
    this.#cover = enlarge(this.#cover, new Float32Array(capacity));
  }
}

/** A float32 in [low, high): rounding to float32 may reach `high`, and then the right side would be empty. */
function drawThreshold(low: number, high: number, random: Random): number {
  const threshold = Math.fround(random.uniform(low, high));
  return threshold >= high ? previousFloat32(high) : Math.max(threshold, low);
}

function enlarge<Values extends Int32Array | Float32Array>(from: Values, to: Values): Values {
  to.set(from);
  return to;
}
