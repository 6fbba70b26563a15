import { Random } from '@liminal/shared/runtime/random';
import { assertFittable, type Detector, type FitContext } from './detector.ts';
import { kernelDensityOrder } from './kernel-density-order.ts';
import { fitKernelSpace, type Gamma, type KernelSpace, toKernelSpace } from './kernel-space.ts';
import { LinearOneClassSvm } from './linear-one-class-svm.ts';
import { createMatrix, type Matrix, takeRows } from './matrix.ts';
import { OneClassSmo } from './one-class-smo.ts';
import { pivotCoefficients, pivotedCholesky } from './pivoted-cholesky.ts';
import { rbfExpansion } from './rbf-kernel.ts';
import { partOf, runInSteps, type Steps } from './run-in-steps.ts';

export interface OneClassSvmOptions {
  /** ν in (0, 1]: at most this share of the training rows lies outside, at least this share supports the boundary. */
  nu: number;
  /** γ of the kernel exp(−γ·‖z − z'‖²) on standardised columns. */
  gamma: Gamma;
  /** Largest violation of the optimality conditions, in LIBSVM's units (decision values times ν · rows). */
  tolerance: number;
  /** Kernel rows that the exact solver keeps. */
  cacheBytes: number;
  /** With more training rows than this, the kernel is approximated; see docs/decisions/0006-one-class-svm-nystroem.md. */
  maxExactRows: number;
  /** Landmarks of the approximation. */
  landmarks: number;
  /** Rows drawn for the approximation where there are more: it holds rows · landmarks float32 values (51 MB). */
  maxSamples: number;
}

/**
 * The decision value of a row is Σ coefficients·K(row, supportVectors) − rho. Coefficients of an exact fit are α/(νn) > 0
 * and sum to 1, as in Schölkopf et al. (2001): LIBSVM's and scikit-learn's decision values are νn times these.
 */
export interface OneClassSvm {
  /** `exact`: the optimum over the training rows. `nystroem`: the optimum in the span of the landmarks' kernel functions. */
  kind: 'exact' | 'nystroem';
  columns: number;
  /** Training rows that the solution is over: all, or `maxSamples` drawn for the landmarks. */
  fittedRows: number;
  gamma: number;
  space: KernelSpace;
  /** In kernel space, row-major [coefficients.length, columns]. */
  supportVectors: Float32Array;
  coefficients: Float64Array;
  rho: number;
}

/**
 * One-class SVM of Schölkopf, Platt, Shawe-Taylor, Smola & Williamson (2001) with an RBF kernel on standardised columns.
 * Score = −decision value, in about [−1, 1]: above 0 is outside. A row far from everything scores `rho`, however far.
 */
export const oneClassSvm: Detector<OneClassSvmOptions, OneClassSvm> = {
  name: 'one-class-svm',
  missingValues: 'impute',
  defaultOptions: {
    nu: 0.5,
    gamma: 'scale',
    tolerance: 1e-3,
    cacheBytes: 64 * 2 ** 20,
    maxExactRows: 2_000,
    landmarks: 256,
    maxSamples: 50_000,
  },
  isDeterministic: ({ maxExactRows }, rows) => rows.rows <= maxExactRows,
  fit,
  anomalyScores,
};

async function fit(rows: Matrix, options: OneClassSvmOptions, context: FitContext): Promise<OneClassSvm> {
  assertOptions(options);
  assertFittable(rows);
  return runInSteps(fitSteps(rows, options, context.seed), context);
}

function* fitSteps(all: Matrix, options: OneClassSvmOptions, seed: number): Steps<OneClassSvm> {
  yield 0;
  const kind = all.rows <= options.maxExactRows ? 'exact' : 'nystroem';
  const random = new Random(seed);
  const isSampled = kind === 'nystroem' && all.rows > options.maxSamples;
  const rows = isSampled ? takeRows(all, random.sample(all.rows, options.maxSamples)) : all;
  yield 0.01;
  const { space, gamma } = yield* partOf(fitKernelSpace(rows, options.gamma), 0.01, 0.02);
  yield 0.02;
  const points = toKernelSpace(space, rows);
  yield 0.03;
  const expansion = kind === 'exact' ? exactExpansion(points, options) : landmarkExpansion(points, options, random);
  return {
    kind,
    columns: rows.columns,
    fittedRows: rows.rows,
    gamma,
    space,
    ...(yield* partOf(expansion, 0.03, 1)),
  };
}

type Expansion = Pick<OneClassSvm, 'supportVectors' | 'coefficients' | 'rho'>;

function* exactExpansion(points: Matrix, { nu, tolerance, cacheBytes }: OneClassSvmOptions): Steps<Expansion> {
  const total = nu * points.rows;
  const order = yield* partOf(kernelDensityOrder(points), 0, 0.1);
  yield 0.1;
  const solver = new OneClassSmo(takeRows(points, order), { total, tolerance, cacheBytes });
  const solution = yield* partOf(solver.solve(), 0.1, 1);
  const alpha = new Float64Array(points.rows);
  for (let place = 0; place < order.length; place++) alpha[order[place]!] = solution.alpha[place]!;
  const supports = Int32Array.from(alpha.keys()).filter((row) => alpha[row]! > 0);
  return {
    supportVectors: takeRows(points, supports).values,
    coefficients: Float64Array.from(supports, (row) => alpha[row]! / total),
    rho: solution.rho / total,
  };
}

function* landmarkExpansion(
  points: Matrix,
  { nu, tolerance, landmarks }: OneClassSvmOptions,
  random: Random,
): Steps<Expansion> {
  const kernel = yield* partOf(pivotedCholesky(points, Math.min(landmarks, points.rows), random), 0, 0.5);
  const total = nu * points.rows;
  const solver = new LinearOneClassSvm(
    {
      features: kernel.factor,
      stride: kernel.capacity,
      width: kernel.pivots.length,
      rows: points.rows,
      total,
      tolerance: tolerance * total,
    },
    random.uint32(),
  );
  const { weights, rho } = yield* partOf(solver.solve(), 0.5, 1);
  return {
    supportVectors: takeRows(points, kernel.pivots).values,
    coefficients: pivotCoefficients(kernel, weights).map((coefficient) => coefficient / total),
    rho: rho / total,
  };
}

/** Decision values: positive inside, 0 on the boundary. */
export function decisionValues(fitted: OneClassSvm, rows: Matrix): Float64Array {
  if (rows.columns !== fitted.columns) {
    throw new RangeError(`the one-class SVM was fitted on ${fitted.columns} columns, these rows have ${rows.columns}`);
  }
  const points = toKernelSpace(fitted.space, rows);
  const supports = createMatrix(fitted.supportVectors, fitted.columns);
  const decisions = new Float64Array(rows.rows);
  for (let row = 0; row < rows.rows; row++) {
    const sum = rbfExpansion(points.values, row * rows.columns, supports, fitted.coefficients);
    decisions[row] = sum - fitted.rho;
  }
  return decisions;
}

/** The boundary of the sign: an SVM's decision value is high inside, an anomaly score outside. */
function anomalyScores(fitted: OneClassSvm, rows: Matrix): Float64Array {
  return decisionValues(fitted, rows).map((decision) => -decision);
}

function assertOptions(options: OneClassSvmOptions): void {
  const { nu, tolerance, maxExactRows, cacheBytes } = options;
  if (!(nu > 0 && nu <= 1)) throw new RangeError(`nu must be in (0, 1], not ${nu}`);
  if (!(tolerance > 0)) throw new RangeError(`tolerance must be above 0, not ${tolerance}`);
  if (!(cacheBytes >= 0)) throw new RangeError(`cacheBytes must be from 0, not ${cacheBytes}`);
  if (!(maxExactRows >= 1)) throw new RangeError(`maxExactRows must be from 1, not ${maxExactRows}`);
  for (const name of ['landmarks', 'maxSamples'] as const) {
    const value = options[name];
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`${name} must be a whole number from 1, not ${value}`);
    }
  }
}
