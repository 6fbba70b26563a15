import { readFileSync } from 'node:fs';
import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { createMatrix, type Matrix } from './matrix.ts';
import { nearestNeighbours } from './nearest-neighbours.ts';

const golden = JSON.parse(
  readFileSync(new URL('../../test/goldens/nearest-neighbours.golden.json', import.meta.url), 'utf8'),
) as { columns: number; training: number[]; scored: number[]; scores: number[] };

const options = nearestNeighbours.defaultOptions;

describe('nearest neighbours', () => {
  it('scores as scikit-learn does: NearestNeighbors on rows of a StandardScaler', async () => {
    const { columns, training, scored, scores } = golden;
    const fitted = await nearestNeighbours.fit(createMatrix(Float32Array.from(training), columns), options, {
      seed: 1,
    });
    const ours = nearestNeighbours.anomalyScores(fitted, createMatrix(Float32Array.from(scored), columns));
    expect(ours).toHaveLength(60);
    // Mean and deviation are rounded to float32, and so is the column around 1000 that deviates by 0.01.
    for (const [row, score] of scores.entries()) {
      expect(Math.abs(ours[row]! - score)).toBeLessThan(2e-6 * Math.max(1, score));
    }
  });

  it('keeps no more reference rows than it is told, other ones for another seed', async () => {
    const rows = normalRows(500, 3, 1);
    const few = { ...options, maxReferenceRows: 50 };
    const [first, other] = await Promise.all([1, 2].map((seed) => nearestNeighbours.fit(rows, few, { seed })));
    expect(first!.referenceRows).toHaveLength(150);
    expect(other!.referenceRows).not.toEqual(first!.referenceRows);
    expect(other!.mean).toEqual(first!.mean);
  });

  it('takes the furthest reference row where there are fewer than neighbours', async () => {
    const fitted = await nearestNeighbours.fit(createMatrix(Float32Array.of(0, 2), 1), options, { seed: 1 });
    // Mean 1, deviation 1: the reference rows lie at −1 and 1.
    expect([...nearestNeighbours.anomalyScores(fitted, createMatrix(Float32Array.of(1, 2, 5), 1))]).toEqual([1, 2, 5]);
  });

  it('keeps no row twice, so that an anomaly that came often is not its own neighbourhood', async () => {
    const random = new Random(4);
    const values = Float32Array.from({ length: 200 }, (_, row) => (row < 20 ? 9 : random.normal()));
    const fitted = await nearestNeighbours.fit(createMatrix(values, 1), options, { seed: 1 });
    expect(fitted.referenceRows).toHaveLength(181);
    const [often, usual] = nearestNeighbours.anomalyScores(fitted, createMatrix(Float32Array.of(9, 0), 1));
    expect(often!).toBeGreaterThan(10 * usual!);
  });

  it('gives the most extreme rows a finite score, above all others', async () => {
    const fitted = await nearestNeighbours.fit(normalRows(100, 2, 1), options, { seed: 1 });
    const extreme = createMatrix(Float32Array.of(3.4e38, -3.4e38, 100, 100), 2);
    const [furthest, far] = nearestNeighbours.anomalyScores(fitted, extreme);
    expect(furthest).toBeCloseTo(Math.sqrt(2) * 1e4, -2);
    expect(furthest!).toBeGreaterThan(far!);
  });

  it.each([{ nNeighbors: 0 }, { maxReferenceRows: 1.5 }])('refuses %o', async (wrong) => {
    const fit = nearestNeighbours.fit(normalRows(10, 2, 1), { ...options, ...wrong }, { seed: 1 });
    await expect(fit).rejects.toThrow('must be a whole number');
  });
});

function normalRows(rows: number, columns: number, seed: number): Matrix {
  const random = new Random(seed);
  return createMatrix(
    Float32Array.from({ length: rows * columns }, () => random.normal()),
    columns,
  );
}
