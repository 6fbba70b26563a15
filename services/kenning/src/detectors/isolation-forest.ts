import { setImmediate } from 'node:timers/promises';
import { Random } from '@liminal/shared/runtime/random';
import { assertFittable, type Detector, type FitContext } from './detector.ts';
import { averagePathLength, pathLengthGrid } from './isolation-path-length.ts';
import { IsolationTreeGrower } from './isolation-tree.ts';
import type { Matrix } from './matrix.ts';

export interface IsolationForestOptions {
  /** Number of trees. */
  nEstimators: number;
  /** Rows drawn without replacement for each tree (ψ in the paper); all rows where there are fewer. */
  maxSamples: number;
}

/**
 * Trees in preorder, one after the other, in flat arrays with one element a node: the left child of node i is i + 1.
 * `x[feature] <= threshold` goes left. Thresholds are float32, and so are the rows, so that float32 and float64 code
 * (ONNX Runtime and this file) take the same way.
 */
export interface IsolationForest {
  columns: number;
  /** First node of each tree. */
  roots: Int32Array;
  /** Column that a node splits on; −1 at a leaf. */
  feature: Int32Array;
  threshold: Float32Array;
  right: Int32Array;
  /** Depth of a leaf plus c(rows in it), on a grid on which sums over all trees are exact in float32; 0 elsewhere. */
  pathLength: Float32Array;
  /** Rows of a tree's sample that came through a node. */
  cover: Float32Array;
  /** c(ψ): the mean path length that means "neither typical nor anomalous" (score ½). */
  expectedPathLength: number;
}

const TREES_BETWEEN_YIELDS = 8;

/**
 * Isolation forest of Liu, Ting & Zhou (2008): random trees isolate anomalous rows near the root.
 * Score 2^(−E[h(x)]/c(ψ)) in (0, 1], eq. 2; about ½ for a row like all others.
 * A node splits on a column drawn from those that vary in it, as scikit-learn does: constant columns change nothing.
 */
export const isolationForest: Detector<IsolationForestOptions, IsolationForest> = {
  name: 'isolation-forest',
  missingValues: 'impute',
  defaultOptions: { nEstimators: 100, maxSamples: 256 },
  fit: fitIsolationForest,
  anomalyScores,
};

async function fitIsolationForest(
  rows: Matrix,
  { nEstimators, maxSamples }: IsolationForestOptions,
  { seed, onProgress, signal }: FitContext,
): Promise<IsolationForest> {
  assertPositiveInteger('nEstimators', nEstimators);
  assertPositiveInteger('maxSamples', maxSamples);
  assertFittable(rows);
  const sampleSize = Math.min(maxSamples, rows.rows);
  const grower = new IsolationTreeGrower(rows, {
    sampleSize,
    heightLimit: Math.ceil(Math.log2(sampleSize)),
    grid: pathLengthGrid(nEstimators, sampleSize),
  });
  const random = new Random(seed);
  const roots = new Int32Array(nEstimators);
  for (let tree = 0; tree < nEstimators; tree++) {
    if (tree % TREES_BETWEEN_YIELDS === 0) {
      await setImmediate();
      signal?.throwIfAborted();
      onProgress?.(tree / nEstimators);
    }
    roots[tree] = grower.grow(random.fork());
  }
  onProgress?.(1);
  return {
    columns: rows.columns,
    roots,
    ...grower.nodes(),
    // One row: every path has length 0 = c(1), and 0/0 means "like all others". Leaf and norm of 1 say that as ½.
    ...(sampleSize === 1
      ? { pathLength: new Float32Array(nEstimators).fill(1), expectedPathLength: 1 }
      : { expectedPathLength: averagePathLength(sampleSize) }),
  };
}

function anomalyScores(forest: IsolationForest, rows: Matrix): Float64Array {
  const { feature, threshold, right, pathLength, roots, columns } = forest;
  if (rows.columns !== columns) {
    throw new RangeError(`the forest was fitted on ${columns} columns, these rows have ${rows.columns}`);
  }
  const { values } = rows;
  const scores = new Float64Array(rows.rows);
  const exponent = scoreExponent(forest);
  for (let row = 0; row < rows.rows; row++) {
    const start = row * columns;
    let total = 0;
    for (let tree = 0; tree < roots.length; tree++) {
      let node = roots[tree]!;
      for (let column = feature[node]!; column >= 0; column = feature[node]!) {
        node = values[start + column]! <= threshold[node]! ? node + 1 : right[node]!;
      }
      total += pathLength[node]!;
    }
    scores[row] = Math.exp(total * exponent);
  }
  return scores;
}

/** score = exp(scoreExponent · sum of the path lengths over all trees). */
export function scoreExponent(forest: IsolationForest): number {
  return -Math.LN2 / (forest.roots.length * forest.expectedPathLength);
}

function assertPositiveInteger(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1)
    throw new RangeError(`${name} must be a whole number from 1, not ${value}`);
}
