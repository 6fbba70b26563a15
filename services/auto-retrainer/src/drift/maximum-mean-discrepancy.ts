import type { Random } from '@liminal/shared/runtime/random';
import { ENOUGH_SHARE, labellings, PermutationTest } from './permutations.ts';

export interface MmdResult {
  /** Unbiased estimate of MMD² (Gretton et al. 2012, eq. 3); may be below 0. */
  value: number;
  pValue: number;
}

/** Pairs that the median distance is taken from. */
const MEDIAN_PAIRS = 5_000;
/**
 * σ as a share of the median distance. At the median itself the kernel hardly sees more than the means: of 40 windows
 * whose columns 3 and 4 had come to correlate at 0.8 it found 12%, at a third of it 80%.
 */
const MEDIAN_SHARE = 1 / 3;

/**
 * Whether the first `referenceRows` rows and the others come from one distribution, over all columns at once: kernel
 * two-sample test with the RBF kernel exp(−‖x − y‖²/(2σ²)), σ a third of the median distance of pooled rows, and a
 * permutation null. `values`: row-major [rows, length] without NaN. Takes rows² memory and time: for samples of a few
 * hundred rows.
 */
export function mmdTest(
  { values, length }: { values: Float64Array; length: number },
  referenceRows: number,
  permutations: number,
  random: Random,
): MmdResult {
  const rows = values.length / length;
  const squares = squaredDistances(values, length, rows);
  const sigmaSquared = MEDIAN_SHARE ** 2 * medianSquare(squares, rows, random);
  const sums = new KernelSums(rbfKernel(squares, rows, 2 * sigmaSquared), rows);
  const test = new PermutationTest(Math.ceil(ENOUGH_SHARE * permutations));
  for (const marks of labellings(rows, referenceRows, permutations, random)) {
    test.add(sums.mmd(marks));
    if (test.isDecided) break;
  }
  return { value: test.observed, pValue: test.pValue };
}

/** Unbiased MMD² of the first `referenceRows` rows and the others under the RBF kernel with 2σ² = `twoSigmaSquared`. */
export function unbiasedMmd(
  { values, length }: { values: Float64Array; length: number },
  referenceRows: number,
  twoSigmaSquared: number,
): number {
  const rows = values.length / length;
  const kernel = rbfKernel(squaredDistances(values, length, rows), rows, twoSigmaSquared);
  return new KernelSums(kernel, rows).mmd(new Uint8Array(rows).fill(1, 0, referenceRows));
}

/** Only the sum within the reference has to be added up for a labelling: the rest follows from the sums of the rows. */
class KernelSums {
  readonly #kernel: Float64Array;
  readonly #rows: number;
  /** Of each row, without the diagonal. */
  readonly #rowSums: Float64Array;
  readonly #total: number;
  readonly #members: Int32Array;

  constructor(kernel: Float64Array, rows: number) {
    this.#kernel = kernel;
    this.#rows = rows;
    this.#members = new Int32Array(rows);
    this.#rowSums = new Float64Array(rows);
    let total = 0;
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let other = 0; other < rows; other++) if (other !== row) sum += kernel[row * rows + other]!;
      this.#rowSums[row] = sum;
      total += sum;
    }
    this.#total = total;
  }

  /** `marks`: 1 for each row of the reference. */
  mmd(marks: Uint8Array): number {
    const kernel = this.#kernel;
    const rows = this.#rows;
    const members = this.#members;
    let referenceRows = 0;
    let referenceToAll = 0;
    let within = 0;
    // In ascending order, so that what is read of the kernel lies below its diagonal and close together.
    for (let row = 0; row < rows; row++) {
      if (marks[row] === 0) continue;
      referenceToAll += this.#rowSums[row]!;
      const start = row * rows;
      for (let place = 0; place < referenceRows; place++) within += kernel[start + members[place]!]!;
      members[referenceRows++] = row;
    }
    const currentRows = rows - referenceRows;
    const across = referenceToAll - 2 * within;
    const withinCurrent = this.#total - 2 * within - 2 * across;
    return (
      (2 * within) / (referenceRows * (referenceRows - 1)) +
      withinCurrent / (currentRows * (currentRows - 1)) -
      (2 * across) / (referenceRows * currentRows)
    );
  }
}

/** Below the diagonal of a row-major [rows, rows] matrix; 0 elsewhere. */
function squaredDistances(values: Float64Array, length: number, rows: number): Float64Array {
  const squares = new Float64Array(rows * rows);
  for (let row = 0; row < rows; row++) {
    for (let other = 0; other < row; other++) {
      let sum = 0;
      for (let column = 0; column < length; column++) {
        const difference = values[row * length + column]! - values[other * length + column]!;
        sum += difference * difference;
      }
      squares[row * rows + other] = sum;
    }
  }
  return squares;
}

function medianSquare(squares: Float64Array, rows: number, random: Random): number {
  const drawn = Float64Array.from({ length: MEDIAN_PAIRS }, () => {
    const row = random.int(rows);
    const other = (row + 1 + random.int(rows - 1)) % rows;
    return squares[Math.max(row, other) * rows + Math.min(row, other)]!;
  }).sort();
  const median = drawn[MEDIAN_PAIRS >> 1]!;
  return median > 0 ? median : 1;
}

/** exp(−square/2σ²) of both halves, 1 on the diagonal. */
function rbfKernel(squares: Float64Array, rows: number, twoSigmaSquared: number): Float64Array {
  const kernel = new Float64Array(rows * rows).fill(1);
  for (let row = 0; row < rows; row++) {
    for (let other = 0; other < row; other++) {
      const value = Math.exp(-squares[row * rows + other]! / twoSigmaSquared);
      kernel[row * rows + other] = value;
      kernel[other * rows + row] = value;
    }
  }
  return kernel;
}
