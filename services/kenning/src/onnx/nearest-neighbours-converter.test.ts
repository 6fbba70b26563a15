import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { createMatrix, type Matrix } from '../detectors/matrix.ts';
import { imputeMissing } from '../detectors/median-imputation.ts';
import { type NearestNeighbours, nearestNeighbours } from '../detectors/nearest-neighbours.ts';
import { detectorModel } from './detector-model.ts';
import { ModelSession } from './model-session.ts';
import { nearestNeighboursScore } from './nearest-neighbours-converter.ts';

const options = nearestNeighbours.defaultOptions;
const fit = (rows: Matrix) => nearestNeighbours.fit(rows, options, { seed: 3 });

/** Largest difference between ONNX Runtime's scores and TypeScript's, relative to max(1, score). */
async function largestDifference(fitted: NearestNeighbours, rows: Matrix): Promise<number> {
  const medians = new Float32Array(fitted.columns).fill(0.5);
  const session = await ModelSession.open(
    detectorModel({
      name: 'nearest-neighbours',
      columns: fitted.columns,
      medians,
      addScore: (graph, features, name) => nearestNeighboursScore(graph, features, fitted, name),
    }),
  );
  const { scores } = await session.run(rows);
  await session.release();
  const expected = nearestNeighbours.anomalyScores(fitted, imputeMissing(rows, medians));
  expect(scores).toHaveLength(rows.rows);
  return scores.reduce(
    (largest, score, row) => Math.max(largest, Math.abs(score - expected[row]!) / Math.max(1, expected[row]!)),
    0,
  );
}

describe('nearest neighbours in ONNX Runtime', () => {
  it('score random rows, and rows with missing values, as TypeScript does', async () => {
    const random = new Random(5);
    const rows = normalRows(1500, 7, 2);
    const missing = createMatrix(
      rows.values.map((value) => (random.next() < 0.3 ? Number.NaN : value)),
      7,
    );
    const fitted = await fit(normalRows(3000, 7, 1));
    expect(await largestDifference(fitted, rows)).toBeLessThan(1e-6);
    expect(await largestDifference(fitted, missing)).toBeLessThan(1e-6);
  });

  it('score duplicates and near-duplicates of reference rows as TypeScript does, far from the mean too', async () => {
    const random = new Random(5);
    // A bulk squeezed together by a few rows far out, as heavy-tailed features are.
    const values = Float32Array.from({ length: 1000 * 3 }, (_, index) =>
      index < 60 ? 1e4 * random.normal() : 500 + 1e-3 * random.normal(),
    );
    const fitted = await fit(createMatrix(values, 3));
    const near = values.map((value) => value + (random.next() < 0.5 ? 0 : 1e-4 * random.normal()));
    expect(await largestDifference(fitted, createMatrix(values, 3))).toBeLessThan(1e-6);
    expect(await largestDifference(fitted, createMatrix(near, 3))).toBeLessThan(1e-6);
  });

  it('score extreme and infinite values as TypeScript does', async () => {
    const random = new Random(8);
    const { POSITIVE_INFINITY: infinity } = Number;
    const values = normalRows(300, 4, 2).values.map((value) =>
      random.next() < 0.3 ? random.pick([infinity, -infinity, 3.4e38, -3.4e38, 1e30, 1e-45]) : value,
    );
    expect(await largestDifference(await fit(normalRows(100, 4, 1)), createMatrix(values, 4))).toBeLessThan(1e-6);
    const extreme = createMatrix(Float32Array.of(3.4e38, -3.4e38, 1e-45, 0, 3.4e38, 1), 1);
    expect(await largestDifference(await fit(extreme), extreme)).toBeLessThan(1e-6);
    // Beside a mean and a deviation near the end of float32 an infinity is no more extreme than the largest number.
    const infinite = createMatrix(Float32Array.of(infinity, 3.4e38, 1, infinity, -infinity, infinity), 1);
    expect(await largestDifference(await fit(extreme), infinite)).toBeLessThan(1e-6);
  });

  it('score with fewer reference rows than neighbours', async () => {
    const fitted = await fit(createMatrix(Float32Array.of(1, 2, 3, 4), 2));
    expect(await largestDifference(fitted, normalRows(50, 2, 1))).toBeLessThan(1e-6);
  });
});

function normalRows(rows: number, columns: number, seed: number): Matrix {
  const random = new Random(seed);
  return createMatrix(
    Float32Array.from({ length: rows * columns }, () => random.normal()),
    columns,
  );
}
