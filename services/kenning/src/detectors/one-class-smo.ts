import { KernelRowCache } from './kernel-row-cache.ts';
import { type Matrix, takeRows } from './matrix.ts';
import { atBound, offsetOf } from './one-class-dual.ts';
import { kernelOperations, rbfKernelRow } from './rbf-kernel.ts';
import { OPERATIONS_PER_STEP, type Steps } from './run-in-steps.ts';

export interface OneClassSmoOptions {
  /** Σα: ν · rows. */
  total: number;
  /** The largest violation of the optimality conditions that the solution may have, in units of Σα·K. */
  tolerance: number;
  cacheBytes: number;
}

export interface OneClassSolution {
  /** One a row, in [0, 1]; they sum to `total`. */
  alpha: Float64Array;
  /** Σ_j α_j·K(row, j), one a row. */
  gradient: Float64Array;
  /** ρ: the gradient of the support vectors between the bounds; the middle of the gap where there are none. */
  rho: number;
  iterations: number;
  /** The fewest rows that were in work at a time, the others being shrunk away. */
  leastActiveRows: number;
}

/** Rows taken out together, and α of all rows at that moment, to which their gradients belong. */
interface Shrinkage {
  rows: Int32Array;
  alpha: Float64Array;
}

/** Curvature that stands in for 0 between equal rows (τ in Fan, Chen & Lin). */
const SMALLEST_CURVATURE = 1e-12;
const ITERATIONS_BETWEEN_SHRINKS = 1000;
/** Everything comes back once when the violation is below this many tolerances: shrinking so far was a guess. */
const UNSHRINK_TOLERANCES = 10;
const LEAST_ITERATION_LIMIT = 10_000_000;
const OPERATIONS_PER_SCANNED_ROW = 6;

/**
 * Sequential minimal optimisation of the one-class SVM's dual (Schölkopf et al. 2001, eq. 11, α scaled by νn as in
 * LIBSVM): minimise ½·αᵀKα subject to 0 ≤ α ≤ 1 and Σα = νn. Working sets by second-order information (Fan, Chen & Lin
 * 2005, WSS 2); rows that will stay at a bound are taken out of the work (shrinking) and checked at the end.
 *
 * The rows are kept side by side without gaps: taking rows out moves the others together.
 */
export class OneClassSmo {
  readonly #points: Matrix;
  readonly #options: OneClassSmoOptions;
  readonly #cache: KernelRowCache;
  readonly #rowOperations: number;
  // Of all rows. Those of the rows in work are brought up to date by `#store`.
  readonly #alpha: Float64Array;
  readonly #gradient: Float64Array;
  // Of the rows in work, by place.
  #rowOf: Int32Array;
  #active: Matrix;
  #activeAlpha: Float64Array;
  #activeGradient: Float64Array;
  readonly #shrinkages: Shrinkage[] = [];
  #hasUnshrunk = false;
  #leastActiveRows: number;

  /** `points`: rows in kernel space. The first ⌈total⌉ of them start as support vectors: put the likely ones there. */
  constructor(points: Matrix, options: OneClassSmoOptions) {
    this.#points = points;
    this.#options = options;
    this.#cache = new KernelRowCache(points.rows, options.cacheBytes);
    this.#rowOperations = kernelOperations(points.columns);
    this.#alpha = Float64Array.from({ length: points.rows }, (_, row) => Math.min(Math.max(options.total - row, 0), 1));
    this.#gradient = new Float64Array(points.rows);
    this.#rowOf = Int32Array.from({ length: points.rows }, (_, row) => row);
    this.#active = points;
    this.#activeAlpha = this.#alpha.slice();
    this.#activeGradient = this.#gradient;
    this.#leastActiveRows = points.rows;
  }

  *solve(): Steps<OneClassSolution> {
    yield* this.#startGradient();
    this.#activeGradient = this.#gradient.slice();
    const { tolerance } = this.#options;
    const limit = Math.max(LEAST_ITERATION_LIMIT, 100 * this.#points.rows);
    let operations = 0;
    let untilShrink = Math.min(this.#points.rows, ITERATIONS_BETWEEN_SHRINKS);
    let firstViolation = 0;
    let up = this.#mostViolating();
    for (let iterations = 0; ; ) {
      const upRow = up < 0 ? undefined : this.#kernelRow(up);
      const pair = upRow === undefined ? { low: -1, violation: 0 } : this.#partner(up, upRow);
      if (firstViolation === 0) firstViolation = pair.violation;
      operations += this.#active.rows * (2 * this.#rowOperations + OPERATIONS_PER_SCANNED_ROW);
      if (operations > OPERATIONS_PER_STEP) {
        operations = 0;
        yield START_SHARE + (1 - START_SHARE) * solvedShare(firstViolation, pair.violation, tolerance);
      }
      if (pair.violation < tolerance || upRow === undefined || pair.low < 0) {
        if (this.#active.rows === this.#points.rows) {
          this.#store();
          return {
            alpha: this.#alpha,
            gradient: this.#gradient,
            rho: offsetOf(this.#alpha, this.#gradient),
            iterations,
            leastActiveRows: this.#leastActiveRows,
          };
        }
        yield* this.#unshrink();
        up = this.#mostViolating();
        // So that rows that are still at their bounds leave again at once.
        untilShrink = 1;
        continue;
      }
      up = this.#optimizePair(up, pair.low, upRow);
      if (++iterations > limit) throw new Error(`the one-class SVM did not converge in ${limit} iterations`);
      if (--untilShrink > 0) continue;
      untilShrink = Math.min(this.#points.rows, ITERATIONS_BETWEEN_SHRINKS);
      if (!this.#hasUnshrunk && pair.violation <= UNSHRINK_TOLERANCES * tolerance) {
        this.#hasUnshrunk = true;
        if (this.#active.rows < this.#points.rows) yield* this.#unshrink();
      }
      this.#shrink();
      up = this.#mostViolating();
    }
  }

  /** G = K·α. Of the kernel among the starting support vectors only one half is computed: it is symmetric. */
  *#startGradient(): Steps<void> {
    const { rows, columns, values } = this.#points;
    const alpha = this.#alpha;
    const gradient = this.#gradient;
    const supports = Math.ceil(this.#options.total);
    const kernel = new Float32Array(rows);
    let operations = 0;
    for (let row = 0; row < supports; row++) {
      rbfKernelRow(values, row * columns, this.#points, row + 1, rows, kernel);
      const weight = alpha[row]!;
      let own = weight;
      for (let other = row + 1; other < supports; other++) {
        own += alpha[other]! * kernel[other]!;
        gradient[other] = gradient[other]! + weight * kernel[other]!;
      }
      for (let other = supports; other < rows; other++) gradient[other] = gradient[other]! + weight * kernel[other]!;
      gradient[row] = gradient[row]! + own;
      operations += (rows - row) * (this.#rowOperations + 2);
      if (operations < OPERATIONS_PER_STEP) continue;
      operations = 0;
      yield START_SHARE * (row / supports);
    }
  }

  /** The place in `I_up` (α can grow) with the smallest gradient; −1 where no α can grow. */
  #mostViolating(): number {
    const alpha = this.#activeAlpha;
    const gradient = this.#activeGradient;
    let up = -1;
    let smallest = Number.POSITIVE_INFINITY;
    for (let place = 0; place < alpha.length; place++) {
      if (alpha[place]! < 1 && gradient[place]! < smallest) {
        smallest = gradient[place]!;
        up = place;
      }
    }
    return up;
  }

  /** The place in `I_low` (α can fall) that promises the largest decrease of the objective together with `up`. */
  #partner(up: number, upRow: Float32Array): { low: number; violation: number } {
    const alpha = this.#activeAlpha;
    const gradient = this.#activeGradient;
    const smallest = gradient[up]!;
    let largest = Number.NEGATIVE_INFINITY;
    let low = -1;
    let best = 0;
    for (let place = 0; place < alpha.length; place++) {
      if (alpha[place]! <= 0) continue;
      const own = gradient[place]!;
      if (own > largest) largest = own;
      const difference = own - smallest;
      if (difference <= 0) continue;
      const curvature = 2 - 2 * upRow[place]!;
      const decrease = (difference * difference) / (curvature > 0 ? curvature : SMALLEST_CURVATURE);
      if (decrease > best) {
        best = decrease;
        low = place;
      }
    }
    return { low, violation: largest - smallest };
  }

  /** Moves weight from `low` to `up`, brings the gradient up to date, and gives the next `#mostViolating` on the way. */
  #optimizePair(up: number, low: number, upRow: Float32Array): number {
    const lowRow = this.#kernelRow(low);
    const alpha = this.#activeAlpha;
    const gradient = this.#activeGradient;
    const curvature = 2 - 2 * upRow[low]!;
    const wanted = (gradient[low]! - gradient[up]!) / (curvature > 0 ? curvature : SMALLEST_CURVATURE);
    const step = Math.min(wanted, 1 - alpha[up]!, alpha[low]!);
    alpha[up] = atBound(alpha[up]! + step);
    alpha[low] = atBound(alpha[low]! - step);
    let next = -1;
    let smallest = Number.POSITIVE_INFINITY;
    for (let place = 0; place < alpha.length; place++) {
      const updated = gradient[place]! + step * (upRow[place]! - lowRow[place]!);
      gradient[place] = updated;
      if (updated < smallest && alpha[place]! < 1) {
        smallest = updated;
        next = place;
      }
    }
    return next;
  }

  #kernelRow(place: number): Float32Array {
    const cached = this.#cache.get(place);
    if (cached !== undefined) return cached;
    const row = this.#cache.add(place);
    const { values, columns, rows } = this.#active;
    rbfKernelRow(values, place * columns, this.#active, 0, rows, row);
    return row;
  }

  /** Takes out the rows at a bound whose gradient says that they stay there (Fan, Chen & Lin 2005, section 6). */
  #shrink(): void {
    const alpha = this.#activeAlpha;
    const gradient = this.#activeGradient;
    let smallestUp = Number.POSITIVE_INFINITY;
    let largestLow = Number.NEGATIVE_INFINITY;
    for (let place = 0; place < alpha.length; place++) {
      if (alpha[place]! < 1) smallestUp = Math.min(smallestUp, gradient[place]!);
      if (alpha[place]! > 0) largestLow = Math.max(largestLow, gradient[place]!);
    }
    const kept = new Int32Array(alpha.length);
    const left = new Int32Array(alpha.length);
    let count = 0;
    for (let place = 0; place < alpha.length; place++) {
      const stays =
        alpha[place]! >= 1 ? gradient[place]! < smallestUp : alpha[place]! <= 0 ? gradient[place]! > largestLow : false;
      if (stays) left[place - count] = this.#rowOf[place]!;
      else kept[count++] = place;
    }
    if (count === alpha.length) return;
    this.#store();
    this.#shrinkages.push({ rows: left.slice(0, alpha.length - count), alpha: this.#alpha.slice() });
    const places = kept.slice(0, count);
    this.#cache.keep(places);
    this.#activate(places.map((place) => this.#rowOf[place]!));
  }

  /** Brings all rows back. The gradient of a row that was out changed by what α has changed since. */
  *#unshrink(): Steps<void> {
    this.#store();
    const { columns, values, rows } = this.#points;
    const alpha = this.#alpha;
    const gradient = this.#gradient;
    let operations = 0;
    for (const shrinkage of this.#shrinkages) {
      const members = takeRows(this.#points, shrinkage.rows);
      const kernel = new Float32Array(members.rows);
      for (let row = 0; row < rows; row++) {
        const change = alpha[row]! - shrinkage.alpha[row]!;
        if (change === 0) continue;
        rbfKernelRow(values, row * columns, members, 0, members.rows, kernel);
        for (let member = 0; member < members.rows; member++) {
          const target = shrinkage.rows[member]!;
          gradient[target] = gradient[target]! + change * kernel[member]!;
        }
        operations += members.rows * this.#rowOperations;
        if (operations < OPERATIONS_PER_STEP) continue;
        operations = 0;
        yield 0;
      }
    }
    this.#shrinkages.length = 0;
    this.#cache.reset(rows);
    this.#activate(Int32Array.from({ length: rows }, (_, row) => row));
  }

  #activate(rows: Int32Array): void {
    this.#leastActiveRows = Math.min(this.#leastActiveRows, rows.length);
    this.#rowOf = rows;
    this.#active = rows.length === this.#points.rows ? this.#points : takeRows(this.#points, rows);
    this.#activeAlpha = Float64Array.from(rows, (row) => this.#alpha[row]!);
    this.#activeGradient = Float64Array.from(rows, (row) => this.#gradient[row]!);
  }

  #store(): void {
    for (let place = 0; place < this.#rowOf.length; place++) {
      this.#alpha[this.#rowOf[place]!] = this.#activeAlpha[place]!;
      this.#gradient[this.#rowOf[place]!] = this.#activeGradient[place]!;
    }
  }
}

/** Share of the work that is done when the gradient at the start is known. */
const START_SHARE = 0.6;

/** The violation falls about geometrically, from the first one to the tolerance. */
function solvedShare(first: number, now: number, tolerance: number): number {
  if (!(first > tolerance) || !(now > tolerance)) return 1;
  return Math.max(0, Math.log(first / now) / Math.log(first / tolerance));
}
