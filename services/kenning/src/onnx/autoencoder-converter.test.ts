import { createHash } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from '@liminal/shared/onnx/onnx-ml_pb';
import { Random } from '@liminal/shared/runtime/random';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asinhScaled } from '../detectors/asinh-scaling.ts';
import { type Autoencoder, type AutoencoderOptions, autoencoder } from '../detectors/autoencoder.ts';
import { createMatrix, type Matrix, rowRange } from '../detectors/matrix.ts';
import { autoencoderScore, RECONSTRUCTION_ERROR_OUTPUT } from './autoencoder-converter.ts';
import { GraphBuilder } from './graph-builder.ts';

const COLUMNS = 7;
/** Difference of the scores beside the larger of 1 and the score. */
const LARGEST_DIFFERENCE = 1e-5;

function fileOf(fitted: Autoencoder): Uint8Array<ArrayBuffer> {
  const graph = new GraphBuilder();
  const features = graph.floatInput('features', ['N', fitted.columns]);
  graph.floatOutput(autoencoderScore(graph, features, fitted, 'score'), ['N', 1]);
  return graph.build('autoencoder');
}

interface Outputs {
  scores: Float32Array;
  errors: Float32Array;
}

async function outputsOf(session: InferenceSession, rows: Matrix): Promise<Outputs> {
  const features = new Tensor('float32', rows.values, [rows.rows, rows.columns]);
  const outputs = await session.run({ features });
  expect(outputs.score!.dims).toEqual([rows.rows, 1]);
  expect(outputs[RECONSTRUCTION_ERROR_OUTPUT]!.dims).toEqual([rows.rows, rows.columns]);
  return {
    scores: outputs.score!.data as Float32Array,
    errors: outputs[RECONSTRUCTION_ERROR_OUTPUT]!.data as Float32Array,
  };
}

function expectParity(scores: Float32Array, expected: Float64Array): void {
  expect(scores).toHaveLength(expected.length);
  expect(scores.every(Number.isFinite)).toBe(true);
  const differences = Float64Array.from(
    scores,
    (score, row) => Math.abs(score - expected[row]!) / Math.max(1, expected[row]!),
  );
  expect(Math.max(...differences)).toBeLessThan(LARGEST_DIFFERENCE);
}

describe('autoencoder in ONNX Runtime', () => {
  const training = correlatedRows(1000, 1, 0.1);
  let fitted: Autoencoder;
  let session: InferenceSession;

  beforeAll(async () => {
    fitted = await autoencoder.fit(training, autoencoder.defaultOptions, { seed: 4 });
    session = await InferenceSession.create(fileOf(fitted), { intraOpNumThreads: 1 });
  });
  afterAll(() => session.release());

  it.each([
    ['its training rows', training],
    ['other rows', correlatedRows(2000, 2, 0)],
    ['rows with missing values', correlatedRows(2000, 3, 0.5)],
    ['a row that misses everything', createMatrix(new Float32Array(COLUMNS).fill(Number.NaN), COLUMNS)],
    ['rows far out', scaledRows(correlatedRows(500, 4, 0.1), 1e4)],
    ['rows at the ends of float32', scaledRows(correlatedRows(500, 5, 0.1), 1e38)],
    ['rows of tiny values', scaledRows(correlatedRows(500, 6, 0.1), 1e-40)],
    ['infinite values', scaledRows(correlatedRows(500, 7, 0.1), Number.POSITIVE_INFINITY)],
  ])('scores as TypeScript does: %s', async (_, rows) => {
    const { scores } = await outputsOf(session, rows);
    expectParity(scores, autoencoder.anomalyScores(fitted, rows));
  });

  it('gives the reconstruction error of each feature, 0 where it is missing', async () => {
    const rows = correlatedRows(500, 8, 0.3);
    const { errors } = await outputsOf(session, rows);
    errors.forEach((error, index) => {
      if (Number.isNaN(rows.values[index])) expect(error).toBe(0);
      else expect(error).toBeGreaterThanOrEqual(0);
    });
    // A feature that breaks with the others stands out by about its own size.
    const strange = rowRange(correlatedRows(1, 9, 0), 0, 1);
    const scaledBefore = asinhScaled(strange, fitted.scaling).values.values[2]!;
    strange.values[2] = 1e3;
    const change = asinhScaled(strange, fitted.scaling).values.values[2]! - scaledBefore;
    const { errors: strangeErrors } = await outputsOf(session, strange);
    expect(strangeErrors.indexOf(Math.max(...strangeErrors))).toBe(2);
    expect(strangeErrors[2]).toBeGreaterThan(0.5 * change);
  });

  it('scores a row the same alone as in a batch', async () => {
    const rows = correlatedRows(100, 10, 0.2);
    const { scores } = await outputsOf(session, rows);
    const alone = new Float32Array(rows.rows);
    for (let row = 0; row < rows.rows; row++) {
      alone[row] = (await outputsOf(session, rowRange(rows, row, row + 1))).scores[0]!;
    }
    expectParity(alone, Float64Array.from(scores));
  });
});

describe.each<[string, Partial<AutoencoderOptions>, Matrix]>([
  ['of three rows', {}, correlatedRows(3, 1, 0)],
  [
    'of a constant column',
    {},
    createMatrix(
      correlatedRows(80, 1, 0).values.map((x, i) => (i % 7 === 3 ? 0.1 : x)),
      7,
    ),
  ],
  ['of the other activations', { hiddenActivation: 'tanh', codeActivation: 'relu' }, correlatedRows(300, 1, 0.1)],
  ['of columns at the ends of float32', {}, scaledRows(correlatedRows(300, 1, 0.1), 1e38)],
  ['of more columns than have covariances', {}, createMatrix(correlatedRows(2 * 310, 1, 0.1).values, 310)],
])('an autoencoder %s in ONNX Runtime', (_, options, rows) => {
  it('scores as in TypeScript', async () => {
    const all = { ...autoencoder.defaultOptions, steps: 200, ...options };
    const fitted = await autoencoder.fit(rows, all, { seed: 4 });
    const session = await InferenceSession.create(fileOf(fitted), { intraOpNumThreads: 1 });
    const { scores } = await outputsOf(session, rows);
    await session.release();
    expectParity(scores, autoencoder.anomalyScores(fitted, rows));
  });
});

describe('autoencoder file', () => {
  const smallFile = async (seed: number) => {
    const options = { ...autoencoder.defaultOptions, steps: 100 };
    return fileOf(await autoencoder.fit(correlatedRows(150, 1, 0.1), options, { seed }));
  };
  const digestOf = (file: Uint8Array) => createHash('sha256').update(file).digest('hex');

  it('is byte for byte the same for the same rows and seed, another one for another seed', async () => {
    const digest = digestOf(await smallFile(2));
    expect(digestOf(await smallFile(2))).toBe(digest);
    expect(digestOf(await smallFile(3))).not.toBe(digest);
  });

  it('holds standard operators alone', async () => {
    const model = fromBinary(ModelProtoSchema, await smallFile(2));
    expect(new Set(model.graph?.node.map(({ domain }) => domain))).toEqual(new Set(['']));
    expect(model.graph?.output.map(({ name }) => name).toSorted()).toEqual([RECONSTRUCTION_ERROR_OUTPUT, 'score']);
  });
});

/** Seven columns of two shared factors and noise, on different scales. */
function correlatedRows(count: number, seed: number, missingShare: number): Matrix {
  const random = new Random(seed);
  const values = new Float32Array(count * COLUMNS);
  for (let row = 0; row < count; row++) {
    const [a, b] = [random.normal(), random.normal()];
    for (let column = 0; column < COLUMNS; column++) {
      const value = (1 + column) * (a * Math.cos(column) + b * Math.sin(column) + 0.3 * random.normal()) + 10 * column;
      values[row * COLUMNS + column] = random.next() < missingShare ? Number.NaN : value;
    }
  }
  return createMatrix(values, COLUMNS);
}

function scaledRows({ values, columns }: Matrix, factor: number): Matrix {
  return createMatrix(
    values.map((value) => Math.min(Math.max(value * factor, -factor), factor)),
    columns,
  );
}
