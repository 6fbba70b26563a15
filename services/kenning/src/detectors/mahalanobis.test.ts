import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { fitEllipsoid, MOST_CORRELATED_DIMENSIONS, nearestRows, squaredDistance } from './mahalanobis.ts';
import { createMatrix, takeRows } from './matrix.ts';

describe('ellipsoid', () => {
  it('gives the distances of a closed form: two correlated columns', () => {
    // Mean (1, 2), covariance [[8, 8], [8, 16]] / 3 with divisor n − 1, its inverse [[6, −3], [−3, 3]] / 8.
    const rows = createMatrix(Float32Array.of(3, 4, -1, 0, 1, 4, 1, 0), 2);
    const ellipsoid = fitEllipsoid(rows, { ridge: 0 });
    expect([...ellipsoid.mean]).toEqual([1, 2]);
    expect(squaredDistance(ellipsoid, [2, 2])).toBeCloseTo(6 / 8, 6);
    expect(squaredDistance(ellipsoid, [1, 4])).toBeCloseTo((4 * 3) / 8, 6);
    expect(squaredDistance(ellipsoid, [9, 9, 3, 3], 2)).toBeCloseTo((4 * 6 - 2 * 2 * 3 + 3) / 8, 6);
  });

  it('adds up to dimensions · (n − 1) over the rows it was fitted to, whatever their covariance', () => {
    const random = new Random(1);
    const values = new Float32Array(200 * 5);
    for (let row = 0; row < 200; row++) {
      const shared = random.normal();
      for (let column = 0; column < 5; column++) values[row * 5 + column] = column * shared + random.normal();
    }
    const ellipsoid = fitEllipsoid(createMatrix(values, 5), { ridge: 0 });
    let total = 0;
    for (let row = 0; row < 200; row++) total += squaredDistance(ellipsoid, values, row * 5);
    expect(total).toBeCloseTo(5 * 199, 1);
  });

  it('counts what was not observed as the mean', () => {
    const rows = createMatrix(Float32Array.of(1, 50, 3, 7, 5, 8), 2);
    const observed = createMatrix(Float32Array.of(1, 0, 1, 1, 1, 1), 2);
    const ellipsoid = fitEllipsoid(rows, { ridge: 1e-3, observed });
    expect([...ellipsoid.mean]).toEqual([3, 7.5]);
    expect(squaredDistance(ellipsoid, [4, 1e9], 0, [1, 0])).toBeCloseTo(squaredDistance(ellipsoid, [4, 7.5]), 6);
  });

  it('keeps to variances alone above so many dimensions', () => {
    const dimensions = MOST_CORRELATED_DIMENSIONS + 1;
    const random = new Random(2);
    const rows = createMatrix(
      Float32Array.from({ length: 10 * dimensions }, () => random.normal()),
      dimensions,
    );
    const ellipsoid = fitEllipsoid(rows, { ridge: 1e-3 });
    expect(ellipsoid.whitening).toHaveLength(dimensions);
    let total = 0;
    for (let row = 0; row < 10; row++) total += squaredDistance(ellipsoid, rows.values, row * dimensions);
    expect(total / (9 * dimensions)).toBeCloseTo(1, 1);
  });

  it('is a ball of the ridge around a single row', () => {
    const ellipsoid = fitEllipsoid(createMatrix(Float32Array.of(1, 2), 2), { ridge: 0.25 });
    expect(squaredDistance(ellipsoid, [2, 2])).toBeCloseTo(4, 6);
  });
});

describe('nearest rows', () => {
  it('leaves out the farthest ones, in the order of the rows', () => {
    expect([...nearestRows(Float64Array.of(5, 1, 9, 2, 3, 3, 8, 0, 4, 7), 0.2)]).toEqual([0, 1, 3, 4, 5, 7, 8, 9]);
    expect([...nearestRows(Float64Array.of(5, 1), 0.4)]).toEqual([0, 1]);
  });

  it('makes an ellipsoid that anomalies do not widen', () => {
    const random = new Random(3);
    const values = Float32Array.from({ length: 200 }, (_, row) => (row < 10 ? 100 : random.normal()));
    const rows = createMatrix(values, 1);
    const widened = fitEllipsoid(rows, { ridge: 0 });
    const distances = Float64Array.from(values, (_, row) => squaredDistance(widened, values, row));
    const tight = fitEllipsoid(takeRows(rows, nearestRows(distances, 0.1)), { ridge: 0 });
    expect(squaredDistance(widened, [100])).toBeLessThan(30);
    expect(squaredDistance(tight, [100])).toBeGreaterThan(5_000);
  });
});
