import { Random } from '@liminal/shared/runtime/random';
import { atBound, offsetOf } from './one-class-dual.ts';
import { OPERATIONS_PER_STEP, type Steps } from './run-in-steps.ts';

export interface LinearProblem {
  /** Row-major, `stride` values a row, of which the first `width` are used. */
  features: Float32Array;
  stride: number;
  width: number;
  rows: number;
  /** Σα: ν · rows. */
  total: number;
  /** The largest violation of the optimality conditions inside a block, in units of Σα·K. */
  tolerance: number;
}

export interface LinearSolution {
  /** w = Σ α_i·x_i, [width]. */
  weights: Float64Array;
  alpha: Float64Array;
  rho: number;
  passes: number;
}

/** Rows whose gradients are looked at together, to pair those that violate the conditions most. */
const BLOCK_ROWS = 64;
const PASS_LIMIT = 200;

/**
 * Linear one-class SVM by dual coordinate descent on pairs (Chou, Lin & Lin 2020, SDM: two-level, greedy inside random
 * blocks): a step costs O(width), and the weights are kept beside α, so that no kernel row is ever needed.
 */
export class LinearOneClassSvm {
  readonly #problem: LinearProblem;
  readonly #weights: Float64Array;
  readonly #alpha: Float64Array;
  readonly #gradient: Float64Array;
  readonly #random: Random;

  constructor(problem: LinearProblem, seed: number) {
    this.#problem = problem;
    this.#weights = new Float64Array(problem.width);
    this.#alpha = new Float64Array(problem.rows);
    this.#gradient = new Float64Array(problem.rows);
    this.#random = new Random(seed);
  }

  *solve(): Steps<LinearSolution> {
    const { rows, width, tolerance } = this.#problem;
    const chunk = Math.max(BLOCK_ROWS, Math.floor(OPERATIONS_PER_STEP / (4 * width)));
    yield* this.#start(chunk);
    let passes = 0;
    for (let violation = Number.POSITIVE_INFINITY; violation > tolerance && passes < PASS_LIMIT; passes++) {
      violation = 0;
      const order = this.#random.sample(rows, rows);
      for (let start = 0; start < rows; start += BLOCK_ROWS) {
        violation = Math.max(violation, this.#optimizeBlock(order.subarray(start, start + BLOCK_ROWS)));
        if (start % chunk < BLOCK_ROWS) yield passes / (passes + 5);
      }
    }
    for (let row = 0; row < rows; row++) {
      this.#gradient[row] = this.#decision(row);
      if (row % chunk === 0) yield 0.95;
    }
    return { weights: this.#weights, alpha: this.#alpha, rho: offsetOf(this.#alpha, this.#gradient), passes };
  }

  /** The rows with the smallest mean kernel to all others start as support vectors. */
  *#start(chunk: number): Steps<void> {
    const { rows, total } = this.#problem;
    for (let row = 0; row < rows; row++) {
      this.#addToWeights(row, 1);
      if (row % chunk === 0) yield 0;
    }
    const density = new Float64Array(rows);
    for (let row = 0; row < rows; row++) {
      density[row] = this.#decision(row);
      if (row % chunk === 0) yield 0;
    }
    this.#weights.fill(0);
    const order = Int32Array.from(density.keys()).sort((a, b) => density[a]! - density[b]!);
    for (let place = 0; place < total; place++) {
      const alpha = Math.min(total - place, 1);
      this.#alpha[order[place]!] = alpha;
      this.#addToWeights(order[place]!, alpha);
      if (place % chunk === 0) yield 0;
    }
  }

  /** Pairs the rows with the smallest gradients that can grow with those with the largest that can fall; the violation found. */
  #optimizeBlock(block: Int32Array): number {
    const gradient = this.#gradient;
    for (const row of block) gradient[row] = this.#decision(row);
    block.sort((a, b) => gradient[a]! - gradient[b]!);
    let violation = 0;
    let up = 0;
    let low = block.length - 1;
    for (;;) {
      while (up < low && this.#alpha[block[up]!]! >= 1) up++;
      while (low > up && this.#alpha[block[low]!]! <= 0) low--;
      if (up >= low) return violation;
      const difference = this.#optimizePair(block[up++]!, block[low--]!);
      violation = Math.max(violation, difference);
      if (difference <= this.#problem.tolerance) return violation;
    }
  }

  /** The gap between the gradients before the step. */
  #optimizePair(up: number, low: number): number {
    const { features, stride, width } = this.#problem;
    const weights = this.#weights;
    const upStart = up * stride;
    const lowStart = low * stride;
    let gap = 0;
    let curvature = 0;
    for (let index = 0; index < width; index++) {
      const difference = features[lowStart + index]! - features[upStart + index]!;
      gap += weights[index]! * difference;
      curvature += difference * difference;
    }
    if (gap <= this.#problem.tolerance) return gap;
    const step = Math.min(gap / curvature, 1 - this.#alpha[up]!, this.#alpha[low]!);
    this.#alpha[up] = atBound(this.#alpha[up]! + step);
    this.#alpha[low] = atBound(this.#alpha[low]! - step);
    for (let index = 0; index < width; index++) {
      weights[index] = weights[index]! + step * (features[upStart + index]! - features[lowStart + index]!);
    }
    return gap;
  }

  #decision(row: number): number {
    const { features, stride, width } = this.#problem;
    const weights = this.#weights;
    const start = row * stride;
    let sum = 0;
    for (let index = 0; index < width; index++) sum += weights[index]! * features[start + index]!;
    return sum;
  }

  #addToWeights(row: number, factor: number): void {
    const { features, stride, width } = this.#problem;
    const weights = this.#weights;
    const start = row * stride;
    for (let index = 0; index < width; index++) {
      weights[index] = weights[index]! + factor * features[start + index]!;
    }
  }
}
