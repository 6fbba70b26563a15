import { createHash } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from '@liminal/shared/onnx/onnx-ml_pb';
import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { FLOAT32_MAX } from '../detectors/float32.ts';
import { createMatrix, type Matrix, rowRange, takeRows } from '../detectors/matrix.ts';
import { imputeMissing } from '../detectors/median-imputation.ts';
import { type OneClassSvm, type OneClassSvmOptions, oneClassSvm } from '../detectors/one-class-svm.ts';
import { detectorModel } from './detector-model.ts';
import { ModelSession } from './model-session.ts';
import { oneClassSvmScore } from './one-class-svm-converter.ts';

const COLUMNS = 7;
const PARITY = 1e-5;
const medians = Float32Array.of(0.5, -0.25, 0, 1, 2, 0.125, -1);
const training = skewedRows(1200, 1);

const fitWith = (options: Partial<OneClassSvmOptions>, rows = training) =>
  oneClassSvm.fit(rows, { ...oneClassSvm.defaultOptions, ...options }, { seed: 4 });

const fileOf = (fitted: OneClassSvm, medianValues = medians) =>
  detectorModel({
    name: 'one-class-svm',
    columns: medianValues.length,
    medians: medianValues,
    addScore: (graph, features, name) => oneClassSvmScore(graph, features, fitted, name),
  });

const operatorsOf = (file: Uint8Array) => fromBinary(ModelProtoSchema, file).graph?.node.map(({ opType }) => opType);

const withSession = async <Result>(file: Uint8Array, use: (session: ModelSession) => Promise<Result>) => {
  const session = await ModelSession.open(file);
  try {
    return await use(session);
  } finally {
    await session.release();
  }
};

const CASES: [string, Partial<OneClassSvmOptions>, expectedOperator: string][] = [
  ['exact', { maxExactRows: 1200 }, 'Gemm'],
  ['exact, few support vectors', { maxExactRows: 1200, nu: 0.02 }, 'Gemm'],
  ['exact, narrow kernel', { maxExactRows: 1200, gamma: 500 }, 'SVMRegressor'],
  ['exact, wide kernel', { maxExactRows: 1200, gamma: 1e-3 }, 'Gemm'],
  ['landmarks', { maxExactRows: 100, landmarks: 200 }, 'Gemm'],
];

describe.each(CASES)('one-class SVM in ONNX Runtime: %s', (_, options, expectedOperator) => {
  const expectParity = async (rows: Matrix): Promise<void> => {
    const fitted = await fitWith(options);
    const { scores } = await withSession(fileOf(fitted), (session) => session.run(rows));
    const expected = oneClassSvm.anomalyScores(fitted, imputeMissing(rows, medians));
    expect(largestDifference(scores, expected)).toBeLessThan(PARITY);
  };

  it('is computed by the operator that is exact enough', async () => {
    expect(operatorsOf(fileOf(await fitWith(options)))).toContain(expectedOperator);
  });

  it('scores the training rows and other rows as TypeScript does', async () => {
    await expectParity(training);
    await expectParity(skewedRows(2000, 2));
  });

  it('scores rows with missing values as TypeScript does, the medians filled in', () => {
    const random = new Random(6);
    const values = skewedRows(1000, 7).values.map((value) => (random.next() < 0.4 ? Number.NaN : value));
    values.fill(Number.NaN, 0, COLUMNS);
    return expectParity(createMatrix(values, COLUMNS));
  });

  it('scores extreme rows as TypeScript does', () => {
    const random = new Random(8);
    const extremes = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, FLOAT32_MAX, -FLOAT32_MAX, 1e30, 1e10, 1e-45];
    const values = skewedRows(500, 9).values.map((value) => (random.next() < 0.3 ? random.pick(extremes) : value));
    values.fill(FLOAT32_MAX, 0, COLUMNS);
    return expectParity(createMatrix(values, COLUMNS));
  });

  it('scores rows close around far support vectors as TypeScript does', async () => {
    const random = new Random(10);
    const furthest = Int32Array.from(Array.from({ length: 1200 }, (_row, row) => row))
      .sort((a, b) => training.values[b * COLUMNS]! - training.values[a * COLUMNS]!)
      .subarray(0, 50);
    const near = takeRows(training, furthest);
    await expectParity(near);
    await expectParity(
      createMatrix(
        near.values.map((value) => value * (1 + 1e-3 * random.normal())),
        COLUMNS,
      ),
    );
  });
});

describe('one-class SVM in ONNX Runtime', () => {
  it.each([
    ['one row', createMatrix(Float32Array.of(1, 2, 3, 4, 5, 6, 7), COLUMNS)],
    ['equal rows', createMatrix(new Float32Array(70).fill(1e20), COLUMNS)],
    [
      'constant columns',
      createMatrix(
        skewedRows(50, 3).values.map((value, i) => (i % 7 < 5 ? 9 : value)),
        COLUMNS,
      ),
    ],
    ['ends of float32', createMatrix(Float32Array.of(-3.4e38, 3.4e38, 1e-45, 0, -1e-45, 1, 2), 1)],
    ['neighbouring values', createMatrix(Float32Array.of(1, 1.00000011920929, 1, 1.00000011920929), 1)],
  ])('scores degenerate training rows finitely and as TypeScript does: %s', async (_, rows) => {
    const fitted = await fitWith({}, rows);
    const zeros = new Float32Array(rows.columns);
    const { scores } = await withSession(fileOf(fitted, zeros), (session) => session.run(rows));
    expect(scores.every(Number.isFinite)).toBe(true);
    expect(largestDifference(scores, oneClassSvm.anomalyScores(fitted, rows))).toBeLessThan(PARITY);
  });

  it('scores a row about the same alone and in a batch', async () => {
    const rows = rowRange(training, 0, 200);
    await withSession(fileOf(await fitWith({})), async (session) => {
      const { scores } = await session.run(rows);
      const alone = new Float64Array(rows.rows);
      for (let row = 0; row < rows.rows; row++) {
        alone[row] = (await session.run(rowRange(rows, row, row + 1))).scores[0]!;
      }
      // A matrix product sums in another order for one row.
      expect(largestDifference(scores, alone)).toBeLessThan(1e-6);
    });
  });

  it.each([
    ['exact', {}, '5b5ecb9498f90803ffc2ed795f61a8201aa7e403038d39160520180ef12c8468'],
    [
      'landmarks',
      { maxExactRows: 50, landmarks: 20 },
      '75c422c1c32e55f697564541c5666e281e076d42ad3187a6ae46fec3a41c7518',
    ],
  ])('is byte for byte the same file for the same rows and seed: %s', async (_, options, expected) => {
    const file = fileOf(await fitWith(options, skewedRows(100, 1)));
    // Changes when the solver, the converter or the writer does: then every released file changes too.
    expect(createHash('sha256').update(file).digest('hex')).toBe(expected);
  });
});

function largestDifference(scores: ArrayLike<number>, expected: Float64Array): number {
  const differences = expected.map((value, row) => Math.abs(value - scores[row]!));
  return differences.some(Number.isNaN) ? Number.NaN : Math.max(...differences);
}

/** Columns of very different scales and tails, as the features have; some rows far out. */
function skewedRows(rows: number, seed: number): Matrix {
  const random = new Random(seed);
  const values = Float32Array.from({ length: rows * COLUMNS }, (_, index) => {
    const column = index % COLUMNS;
    if (column === 0) return random.exponential(30) * (random.next() < 0.02 ? 50 : 1);
    if (column === 1) return random.int(3);
    return 10 ** (column - 3) * random.normal();
  });
  return createMatrix(values, COLUMNS);
}
