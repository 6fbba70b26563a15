import { readFileSync } from 'node:fs';
import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { type IsolationForest, isolationForest } from './isolation-forest.ts';
import { averagePathLength, pathLengthGrid } from './isolation-path-length.ts';
import { createMatrix, type Matrix } from './matrix.ts';

const golden = JSON.parse(
  readFileSync(new URL('../../test/goldens/isolation-forest.golden.json', import.meta.url), 'utf8'),
) as {
  forestSeeds: number;
  columns: number;
  rows: number[];
  meanScores: number[];
  averagePathLength: [rows: number, length: number][];
};

const options = isolationForest.defaultOptions;

describe('average path length', () => {
  it('is what scikit-learn computes', () => {
    for (const [rows, length] of golden.averagePathLength) expect(averagePathLength(rows)).toBeCloseTo(length, 12);
  });

  it('is close to the exact sum over harmonic numbers', () => {
    let harmonic = 0;
    for (let index = 1; index <= 255; index++) harmonic += 1 / index;
    // H(i) ≈ ln i + γ leaves out 1/(2i), which counts twice.
    expect(averagePathLength(256)).toBeCloseTo(2 * harmonic - (2 * 255) / 256 - 1 / 255, 4);
  });
});

describe('path length grid', () => {
  it.each([
    [100, 256],
    [1, 1],
    [1000, 100_000],
  ])('lets %i trees of %i rows add up exactly in float32', (trees, sampleSize) => {
    const grid = pathLengthGrid(trees, sampleSize);
    const longest = Math.ceil(Math.log2(sampleSize)) + averagePathLength(sampleSize);
    expect((trees * longest) / grid).toBeLessThanOrEqual(2 ** 24);
    expect(Number.isInteger(Math.log2(grid))).toBe(true);
  });
});

describe('isolation forest', () => {
  it('agrees with scikit-learn in the mean over seeds', async () => {
    const rows = createMatrix(Float32Array.from(golden.rows), golden.columns);
    const means = new Float64Array(rows.rows);
    for (let seed = 0; seed < golden.forestSeeds; seed++) {
      const scores = isolationForest.anomalyScores(await isolationForest.fit(rows, options, { seed }), rows);
      scores.forEach((score, row) => {
        means[row]! += score / golden.forestSeeds;
      });
    }
    const differences = golden.meanScores.map((score, row) => means[row]! - score);
    // Both means have a standard error of 0.002: a wrong c(n), height limit or split rule is off by 0.01 and more.
    expect(Math.abs(differences.reduce((sum, value) => sum + value, 0)) / rows.rows).toBeLessThan(0.001);
    expect(Math.max(...differences.map(Math.abs))).toBeLessThan(0.012);
    expect(spearman(means, Float64Array.from(golden.meanScores))).toBeGreaterThan(0.995);
  });

  it('splits every node into two non-empty sides, no deeper than the height limit', async () => {
    const rows = clumpyRows(500, 5);
    const forest = await isolationForest.fit(rows, { nEstimators: 20, maxSamples: 500 }, { seed: 3 });
    // All rows are in every sample, so that counting them through the tree gives the sizes of its nodes.
    for (const root of forest.roots) {
      const visits = countVisits(forest, root, rows);
      for (const [node, { count, depth }] of visits) {
        expect(count).toBeGreaterThan(0);
        expect(depth).toBeLessThanOrEqual(9);
        if (forest.feature[node]! >= 0) {
          expect(visits.has(node + 1)).toBe(true);
          expect(visits.has(forest.right[node]!)).toBe(true);
        } else {
          const grid = pathLengthGrid(20, 500);
          expect(Math.abs(forest.pathLength[node]! - depth - averagePathLength(count))).toBeLessThanOrEqual(grid / 2);
        }
      }
    }
  });

  it('splits on each varying column equally often', async () => {
    const random = new Random(2);
    const rows = createMatrix(
      Float32Array.from({ length: 256 * 4 }, (_, index) => (index % 4 === 1 ? 5 : random.next())),
      4,
    );
    const forest = await isolationForest.fit(rows, { nEstimators: 400, maxSamples: 256 }, { seed: 5 });
    const counts = [0, 0, 0, 0];
    for (const root of forest.roots) counts[forest.feature[root]!]!++;
    expect(counts[1]).toBe(0);
    // Binomial(400, 1/3): 133 ± 9.4; four standard deviations.
    for (const column of [0, 2, 3]) expect(Math.abs(counts[column]! - 400 / 3)).toBeLessThan(38);
  });

  it('draws the rows of a tree without replacement', async () => {
    const rows = createMatrix(
      Float32Array.from({ length: 64 }, (_, index) => index),
      1,
    );
    const forest = await isolationForest.fit(rows, { nEstimators: 1, maxSamples: 64 }, { seed: 9 });
    const distinct = new Set(forest.threshold.filter((_, node) => forest.feature[node]! >= 0));
    const visits = countVisits(forest, 0, rows);
    const leaves = [...visits].filter(([node]) => forest.feature[node]! < 0);
    expect(leaves.reduce((sum, [, { count }]) => sum + count, 0)).toBe(64);
    expect(distinct.size).toBe(leaves.length - 1);
  });

  it('says ½ where all rows are alike, be it one or many', async () => {
    for (const count of [1, 2, 300]) {
      const rows = createMatrix(new Float32Array(3 * count).fill(4), 3);
      const scores = isolationForest.anomalyScores(await isolationForest.fit(rows, options, { seed: 1 }), rows);
      for (const score of scores) expect(score).toBeCloseTo(0.5, 5);
    }
  });

  it('refuses options that make no forest', async () => {
    const rows = clumpyRows(10, 1);
    await expect(isolationForest.fit(rows, { nEstimators: 0, maxSamples: 256 }, { seed: 1 })).rejects.toThrow(
      'nEstimators must be a whole number from 1, not 0',
    );
    await expect(isolationForest.fit(rows, { nEstimators: 1, maxSamples: 1.5 }, { seed: 1 })).rejects.toThrow(
      'maxSamples',
    );
  });
});

/** Rows with many ties and neighbouring float32 values, where careless thresholds leave a side empty. */
function clumpyRows(rows: number, seed: number): Matrix {
  const random = new Random(seed);
  const values = Float32Array.from({ length: rows * 3 }, (_, index) =>
    index % 3 === 0 ? random.int(4) : index % 3 === 1 ? 1 + random.int(3) * 2 ** -23 : random.normal(),
  );
  return createMatrix(values, 3);
}

function countVisits(forest: IsolationForest, root: number, rows: Matrix) {
  const visits = new Map<number, { count: number; depth: number }>();
  for (let row = 0; row < rows.rows; row++) {
    let node = root;
    for (let depth = 0; ; depth++) {
      visits.set(node, { count: (visits.get(node)?.count ?? 0) + 1, depth });
      const column = forest.feature[node]!;
      if (column < 0) break;
      const isLeft = rows.values[row * rows.columns + column]! <= forest.threshold[node]!;
      node = isLeft ? node + 1 : forest.right[node]!;
    }
  }
  return visits;
}

function spearman(left: Float64Array, right: Float64Array): number {
  const leftRanks = ranks(left);
  const rightRanks = ranks(right);
  const squares = leftRanks.reduce((sum, rank, index) => sum + (rank - rightRanks[index]!) ** 2, 0);
  return 1 - (6 * squares) / (left.length * (left.length ** 2 - 1));
}

function ranks(values: Float64Array): Float64Array {
  const order = Array.from(values.keys()).sort((a, b) => values[a]! - values[b]!);
  const result = new Float64Array(values.length);
  order.forEach((index, rank) => {
    result[index] = rank;
  });
  return result;
}
