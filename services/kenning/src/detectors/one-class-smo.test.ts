import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Random } from '@liminal/shared/runtime/random';
import { DATA_SETS } from '@liminal/shared/testing/data-sets';
import Libsvm from 'libsvm-js/asm.js';
import { describe, expect, it } from 'vitest';
import { createMatrix, type Matrix, rowRange, takeRows } from './matrix.ts';
import { OneClassSmo, type OneClassSmoOptions, type OneClassSolution } from './one-class-smo.ts';
import { runAtOnce } from './run-in-steps.ts';

const CACHE_BYTES = 2 ** 24;
const directory = join(DATA_SETS, 'adbench');

function solve(points: Matrix, options: Partial<OneClassSmoOptions> & { total: number }): OneClassSolution {
  return runAtOnce(new OneClassSmo(points, { tolerance: 1e-6, cacheBytes: CACHE_BYTES, ...options }).solve());
}

describe('one-class SMO beside LIBSVM', () => {
  const sets: [string, () => Matrix][] = [
    ['normal rows', () => normalRows(500, 3, 1)],
    ['clusters with outliers', () => clusteredRows(600, 2)],
    ['many equal rows', () => createMatrix(clusteredRows(400, 3).values.map(Math.round), 4)],
    ['40_vowels', () => adbenchRows('40_vowels')],
    ['6_cardio', () => adbenchRows('6_cardio')],
    ['27_PageBlocks', () => adbenchRows('27_PageBlocks')],
  ];

  for (const [name, rowsOf] of sets) {
    const isPresent = /^\D/.test(name) || existsSync(join(directory, `${name}.csv.gz`));
    if (!isPresent) console.warn(`SKIPPED LIBSVM on ${name}: not in ${directory} (set LIMINAL_DATA_DIR)`);
    describe.skipIf(!isPresent)(name, () => {
      // ν·rows is no whole number: at least one α lies between its bounds, and that fixes ρ.
      it.each([
        [0.5003, 0.2],
        [0.1003, 0.2],
        [0.1003, 3],
        [0.0203, 0.05],
      ])('has its decision values to 1e-4: ν %f, γ %f', (nu, gamma) => {
        const rows = rowsOf();
        const expected = libsvmDecisions(rows, nu, gamma);
        const { alpha, rho } = solve(inKernelSpace(rows, gamma), { total: nu * rows.rows });
        const ours = decisions(rows, alpha, rho, gamma);
        // In LIBSVM's own units, in which Σα = νn.
        for (let row = 0; row < rows.rows; row++) expect(Math.abs(ours[row]! - expected[row]!)).toBeLessThan(1e-4);
      });
    });
  }
});

describe('one-class SMO', () => {
  /** The most support vectors in the middle: the worst start, which takes many iterations and several shrinks. */
  const densestFirst = (rows: Matrix) => {
    const norm = (row: number) =>
      rows.values.subarray(row * rows.columns, (row + 1) * rows.columns).reduce((sum, x) => sum + x * x, 0);
    return takeRows(
      rows,
      Int32Array.from(Array.from({ length: rows.rows }, (_, row) => row)).sort((a, b) => norm(a) - norm(b)),
    );
  };

  it.each(Array.from({ length: 12 }, (_, seed) => seed))('meets the Karush–Kuhn–Tucker conditions: seed %i', (seed) => {
    const random = new Random(seed);
    const rows = 50 + random.int(500);
    const nu = random.pick([0.01, 0.1, 0.5, 0.9, 1]);
    const tolerance = random.pick([1e-2, 1e-3, 1e-6]);
    const points = densestFirst(normalRows(rows, 1 + random.int(5), seed));
    const { alpha, rho, gradient } = solve(points, { total: nu * rows, tolerance });
    const sums = decisions(points, alpha, 0, 1);
    expect(alpha.reduce((sum, value) => sum + value, 0)).toBeCloseTo(nu * rows, 8);
    let supports = 0;
    let outside = 0;
    for (let row = 0; row < rows; row++) {
      expect(alpha[row]).toBeGreaterThanOrEqual(0);
      expect(alpha[row]).toBeLessThanOrEqual(1);
      // Kernel rows are float32.
      expect(Math.abs(gradient[row]! - sums[row]!)).toBeLessThan(1e-6 * rows);
      const decision = sums[row]! - rho;
      const slack = tolerance + 1e-6 * rows;
      if (alpha[row]! < 1) expect(decision).toBeGreaterThan(-slack);
      if (alpha[row]! > 0) expect(decision).toBeLessThan(slack);
      supports += alpha[row]! > 0 ? 1 : 0;
      outside += decision < -slack ? 1 : 0;
    }
    // The ν-property, Schölkopf et al. 2001, proposition 3.
    expect(supports).toBeGreaterThanOrEqual(Math.floor(nu * rows));
    expect(outside).toBeLessThanOrEqual(nu * rows);
  });

  it('comes to the same solution however many rows it shrinks away, and however few it may keep', () => {
    const points = densestFirst(normalRows(900, 3, 5));
    const all = { total: 90, tolerance: 1e-6 };
    const solution = solve(points, all);
    expect(solution.leastActiveRows).toBeLessThan(200);
    // Rows at either bound leave: half of them are at the upper one here.
    expect(solve(points, { total: 450.3, tolerance: 1e-6 }).leastActiveRows).toBeLessThan(100);
    const smallCache = solve(points, { ...all, cacheBytes: 0 });
    expect(smallCache.alpha).toEqual(solution.alpha);
    const sparsestFirst = takeRows(
      points,
      Int32Array.from({ length: 900 }, (_, row) => 899 - row),
    );
    const fromBetterStart = solve(sparsestFirst, all);
    expect(Math.abs(fromBetterStart.rho - solution.rho)).toBeLessThan(1e-5);
    fromBetterStart.gradient.toReversed().forEach((sum, row) => {
      expect(Math.abs(sum - solution.gradient[row]!)).toBeLessThan(1e-4);
    });
  });
});

/**
 * Decision values in float64 from LIBSVM's α. Its model text has only six digits of ρ, which is the mean of Σα·K over the
 * support vectors between the bounds: computed here, and checked against those digits.
 */
function libsvmDecisions(rows: Matrix, nu: number, gamma: number): Float64Array {
  const svm = new Libsvm({
    type: Libsvm.SVM_TYPES.ONE_CLASS,
    kernel: Libsvm.KERNEL_TYPES.RBF,
    gamma,
    nu,
    tolerance: 1e-7,
    quiet: true,
  });
  const samples = Array.from({ length: rows.rows }, (_, row) => [...rowRange(rows, row, row + 1).values]);
  svm.train(samples, new Array<number>(rows.rows).fill(1));
  const [header = '', supports = ''] = svm.serializeModel().split('\nSV\n');
  const alpha = new Float64Array(rows.rows);
  const indices = svm.getSVIndices();
  for (const [index, line] of supports.trim().split('\n').entries()) {
    alpha[indices[index]!] = Number(line.split(' ')[0]);
  }
  svm.free();
  expect(alpha.reduce((sum, value) => sum + value, 0)).toBeCloseTo(nu * rows.rows, 6);
  const sums = decisions(rows, alpha, 0, gamma);
  const between = sums.filter((_, row) => alpha[row]! > 0 && alpha[row]! < 1);
  const rho = between.reduce((sum, value) => sum + value, 0) / between.length;
  expect(Number(rho.toPrecision(6))).toBeCloseTo(Number(/^rho (.*)$/m.exec(header)?.[1]), 3);
  return sums.map((sum) => sum - rho);
}

/** Σ α·exp(−γ‖x − y‖²) − ρ, written plainly. */
function decisions({ values, rows, columns }: Matrix, alpha: Float64Array, rho: number, gamma: number): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => {
    let sum = -rho;
    for (let other = 0; other < rows; other++) {
      if (alpha[other] === 0) continue;
      let squared = 0;
      for (let column = 0; column < columns; column++) {
        squared += (values[row * columns + column]! - values[other * columns + column]!) ** 2;
      }
      sum += alpha[other]! * Math.exp(-gamma * squared);
    }
    return sum;
  });
}

function inKernelSpace(rows: Matrix, gamma: number): Matrix {
  return createMatrix(
    rows.values.map((value) => value * Math.sqrt(gamma)),
    rows.columns,
  );
}

function normalRows(rows: number, columns: number, seed: number): Matrix {
  const random = new Random(seed);
  return createMatrix(
    Float32Array.from({ length: rows * columns }, () => random.normal()),
    columns,
  );
}

function clusteredRows(rows: number, seed: number): Matrix {
  const random = new Random(seed);
  const values = new Float32Array(rows * 4);
  for (let row = 0; row < rows; row++) {
    const centre = random.next() < 0.03 ? random.uniform(-6, 6) : random.pick([-2, 0, 2.5]);
    for (let column = 0; column < 4; column++) values[row * 4 + column] = centre + 0.6 * random.normal();
  }
  return createMatrix(values, 4);
}

/** The first 1,000 rows of a set, standardised. */
function adbenchRows(name: string): Matrix {
  const lines = gunzipSync(readFileSync(join(directory, `${name}.csv.gz`)))
    .toString()
    .trim()
    .split('\n')
    .slice(1, 1001);
  const cells = lines.map((line) => line.split(',').slice(0, -1).map(Number));
  const columns = cells[0]!.length;
  const moments = Array.from({ length: columns }, (_, column) => {
    const mean = cells.reduce((sum, row) => sum + row[column]!, 0) / cells.length;
    const variance = cells.reduce((sum, row) => sum + (row[column]! - mean) ** 2, 0) / cells.length;
    return { mean, deviation: Math.sqrt(variance) || 1 };
  });
  const values = cells.flatMap((row) =>
    row.map((value, column) => (value - moments[column]!.mean) / moments[column]!.deviation),
  );
  return createMatrix(Float32Array.from(values), columns);
}
