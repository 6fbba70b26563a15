import type { Matrix } from './matrix.ts';
import { kernelOperations, rbfKernelRow } from './rbf-kernel.ts';
import { OPERATIONS_PER_STEP, type Steps } from './run-in-steps.ts';

/** Rows that the density is estimated from. */
const PROBES = 256;

/**
 * The rows in order of a rough density, sparsest first: the mean kernel value to up to 256 rows at even distances. The
 * support vectors of a one-class SVM are the rows where the density is lowest, so that a solver that starts from the first
 * ν·n of these has few left to exchange.
 */
export function* kernelDensityOrder(points: Matrix): Steps<Int32Array> {
  const { rows, columns, values } = points;
  const density = new Float64Array(rows);
  const kernel = new Float32Array(rows);
  const probes = Math.min(rows, PROBES);
  let operations = 0;
  for (let probe = 0; probe < probes; probe++) {
    const row = Math.floor((probe * rows) / probes);
    rbfKernelRow(values, row * columns, points, 0, rows, kernel);
    for (let other = 0; other < rows; other++) density[other] = density[other]! + kernel[other]!;
    operations += rows * kernelOperations(columns);
    if (operations < OPERATIONS_PER_STEP) continue;
    operations = 0;
    yield probe / probes;
  }
  return Int32Array.from(density.keys()).sort((a, b) => density[a]! - density[b]!);
}
