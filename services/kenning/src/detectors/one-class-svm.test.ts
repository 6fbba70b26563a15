import { readFileSync } from 'node:fs';
import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { createMatrix, type Matrix, rowRange } from './matrix.ts';
import { decisionValues, type OneClassSvmOptions, oneClassSvm } from './one-class-svm.ts';

const golden = JSON.parse(
  readFileSync(new URL('../../test/goldens/one-class-svm.golden.json', import.meta.url), 'utf8'),
) as {
  columns: number;
  trainingRows: number;
  rows: number[];
  cases: {
    nu: number;
    gamma: number | 'scale';
    usedGamma: number;
    supportVectors: number;
    decisions: number[];
  }[];
};

const fit = (rows: Matrix, options: Partial<OneClassSvmOptions> = {}, seed = 1) =>
  oneClassSvm.fit(rows, { ...oneClassSvm.defaultOptions, ...options }, { seed });

describe('one-class SVM beside scikit-learn', () => {
  const rows = createMatrix(Float32Array.from(golden.rows), golden.columns);
  const training = rowRange(rows, 0, golden.trainingRows);

  it.each(golden.cases)('has its decision values: ν $nu, γ $gamma', async ({ nu, gamma, ...expected }) => {
    const fitted = await fit(training, { nu, gamma, tolerance: 1e-7 });
    expect(fitted.kind).toBe('exact');
    expect(fitted.gamma).toBeCloseTo(expected.usedGamma, 6);
    expect(Math.abs(fitted.coefficients.length - expected.supportVectors)).toBeLessThanOrEqual(1);
    const ours = decisionValues(fitted, rows);
    const scores = oneClassSvm.anomalyScores(fitted, rows);
    expected.decisions.forEach((decision, row) => {
      // scikit-learn's are νn times ours. 1e-4 in its units: float32 standardisation and kernel rows.
      expect(Math.abs(nu * golden.trainingRows * ours[row]! - decision)).toBeLessThan(1e-4);
      expect(scores[row]).toBe(-ours[row]!);
    });
  });
});

describe('one-class SVM', () => {
  it('leaves about ν of the training rows outside', async () => {
    const rows = twoClusters(2000, 3);
    for (const nu of [0.05, 0.2, 0.5]) {
      const scores = oneClassSvm.anomalyScores(await fit(rows, { nu }), rows);
      const outside = scores.filter((score) => score > 0).length / rows.rows;
      expect(Math.abs(outside - nu)).toBeLessThan(0.01);
    }
  });

  it('scores every row that is far from all others alike: rho', async () => {
    const fitted = await fit(twoClusters(500, 4));
    const far = createMatrix(Float32Array.of(1e4, 0, 0, -1e30, 3e38, 3e38), 2);
    expect([...oneClassSvm.anomalyScores(fitted, far)]).toEqual([fitted.rho, fitted.rho, fitted.rho]);
  });

  it('gives coefficients that sum to 1, and support vectors for ν of the rows', async () => {
    const fitted = await fit(twoClusters(800, 5), { nu: 0.3 });
    expect(fitted.coefficients.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 10);
    expect(fitted.coefficients.length).toBeGreaterThanOrEqual(240);
    expect(fitted.coefficients.length).toBeLessThan(260);
  });

  it('comes close to the exact decision values with landmarks, and says that it has some', async () => {
    const rows = twoClusters(3000, 6);
    const exact = decisionValues(await fit(rows, { maxExactRows: 3000 }), rows);
    for (const seed of [1, 2, 3]) {
      const fitted = await fit(rows, { maxExactRows: 2999, landmarks: 100 }, seed);
      expect(fitted.kind).toBe('nystroem');
      expect(fitted.coefficients.length).toBeLessThanOrEqual(100);
      const differences = decisionValues(fitted, rows).map((decision, row) => Math.abs(decision - exact[row]!));
      // Decision values lie in ±0.3 here.
      expect(differences.reduce((sum, value) => sum + value, 0) / rows.rows).toBeLessThan(1e-3);
      expect(Math.max(...differences)).toBeLessThan(1e-2);
    }
  });

  it('draws rows for the landmarks where there are more than it may hold', async () => {
    const rows = twoClusters(3000, 8);
    const exact = decisionValues(await fit(rows, { maxExactRows: 3000 }), rows);
    const sampled = await fit(rows, { maxExactRows: 1, landmarks: 100, maxSamples: 1000 });
    expect(sampled.fittedRows).toBe(1000);
    const differences = decisionValues(sampled, rows).map((decision, row) => Math.abs(decision - exact[row]!));
    const mean = differences.reduce((sum, value) => sum + value, 0) / rows.rows;
    // The error of a mean over 1,000 rows instead of 3,000: more than that of the landmarks, yet small.
    expect(mean).toBeGreaterThan(1e-3);
    expect(mean).toBeLessThan(1e-2);
  });

  it('chooses by the number of rows', async () => {
    const { maxExactRows } = oneClassSvm.defaultOptions;
    const rows = twoClusters(maxExactRows + 1, 7);
    expect((await fit(rows)).kind).toBe('nystroem');
    expect((await fit(rowRange(rows, 0, maxExactRows))).kind).toBe('exact');
  });

  it.each([
    [{ nu: 0 }, 'nu must be in (0, 1], not 0'],
    [{ nu: 1.1 }, 'nu'],
    [{ gamma: -1 }, 'gamma'],
    [{ tolerance: 0 }, 'tolerance'],
    [{ cacheBytes: Number.NaN }, 'cacheBytes'],
    [{ maxExactRows: 0 }, 'maxExactRows'],
    [{ landmarks: 1.5 }, 'landmarks'],
    [{ maxSamples: 0 }, 'maxSamples'],
  ])('refuses %o', async (options, message) => {
    await expect(fit(twoClusters(10, 1), options)).rejects.toThrow(message);
  });
});

function twoClusters(rows: number, seed: number): Matrix {
  const random = new Random(seed);
  const values = new Float32Array(rows * 2);
  for (let row = 0; row < rows; row++) {
    const centre = random.next() < 0.3 ? 4 : 0;
    values[2 * row] = centre + random.normal();
    values[2 * row + 1] = 100 * (centre + random.normal());
  }
  return createMatrix(values, 2);
}
