import { createHash } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from '@liminal/shared/onnx/onnx-ml_pb';
import { Random } from '@liminal/shared/runtime/random';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { calibrate, conformalPValue } from '../calibration/conformal.ts';
import { type IsolationForest, isolationForest } from '../detectors/isolation-forest.ts';
import { createMatrix, type Matrix, takeRows } from '../detectors/matrix.ts';
import { imputeMissing } from '../detectors/median-imputation.ts';
import { detectorModel } from './detector-model.ts';
import { isolationForestScore } from './isolation-forest-converter.ts';
import { ModelSession } from './model-session.ts';

const COLUMNS = 7;
const medians = Float32Array.of(0.5, -0.25, 0, 1, 2, 0.125, -1);
const calibration = calibrate(
  Float32Array.from({ length: 200 }, (_, index) => Math.fround(0.3 + 0.002 * (index % 150))),
  0.05,
);

const fileOf = (forest: IsolationForest) =>
  detectorModel({
    name: 'isolation-forest',
    columns: COLUMNS,
    medians,
    addScore: (graph, features, name) => isolationForestScore(graph, features, forest, name),
    calibration,
  });

describe('isolation forest in ONNX Runtime', () => {
  let forest: IsolationForest;
  let file: Uint8Array;
  let session: ModelSession;

  beforeAll(async () => {
    forest = await isolationForest.fit(normalRows(1000, 1), isolationForest.defaultOptions, { seed: 4 });
    file = fileOf(forest);
    session = await ModelSession.open(file);
  });
  afterAll(() => session.release());

  const expectParity = async (rows: Matrix): Promise<void> => {
    const { scores, pValues } = await session.run(rows);
    const expected = isolationForest.anomalyScores(forest, imputeMissing(rows, medians));
    expect(scores).toHaveLength(rows.rows);
    let largest = 0;
    scores.forEach((score, row) => {
      largest = Math.max(largest, Math.abs(score - expected[row]!));
    });
    // Path lengths add up exactly, so all that is left is the rounding of float32 and Exp.
    expect(largest).toBeLessThan(2e-7);
    expect([...pValues]).toEqual([...scores].map((score) => conformalPValue(calibration, score)));
  };

  it('scores random rows as TypeScript does', () => expectParity(normalRows(3000, 2)));

  it('scores rows exactly on thresholds, and one float32 step beside them, as TypeScript does', () => {
    const random = new Random(3);
    const thresholds = forest.feature.reduce<{ feature: number; threshold: number }[]>((found, feature, node) => {
      if (feature >= 0) found.push({ feature, threshold: forest.threshold[node]! });
      return found;
    }, []);
    const values = normalRows(3000, 5).values.slice();
    const bits = new Int32Array(values.buffer);
    for (let row = 0; row < 3000; row++) {
      // Several columns of a row at once, since one alone seldom lies on the row's way through the tree.
      for (let count = 0; count < 4; count++) {
        const { feature, threshold } = random.pick(thresholds);
        const index = row * COLUMNS + feature;
        values[index] = threshold;
        bits[index] = bits[index]! + random.int(3) - 1;
      }
    }
    return expectParity(createMatrix(values, COLUMNS));
  });

  it('takes the left side all the way where a row equals every threshold that it meets', async () => {
    // The deepest threshold of a column on the way left is the smallest one, so that the row goes left at all of them.
    const rows: number[] = [];
    for (const root of forest.roots) {
      const row = new Array<number>(COLUMNS).fill(0);
      for (let node = root; forest.feature[node]! >= 0; node++) row[forest.feature[node]!] = forest.threshold[node]!;
      rows.push(...row);
    }
    await expectParity(createMatrix(Float32Array.from(rows), COLUMNS));
  });

  it('scores rows with missing values as TypeScript does, the medians filled in', async () => {
    const random = new Random(6);
    const values = normalRows(2000, 7).values.map((value) => (random.next() < 0.4 ? Number.NaN : value));
    values.fill(Number.NaN, 0, COLUMNS);
    await expectParity(createMatrix(values, COLUMNS));
    const [allMissing, atMedians] = await Promise.all([
      session.run(createMatrix(new Float32Array(COLUMNS).fill(Number.NaN), COLUMNS)),
      session.run(createMatrix(medians, COLUMNS)),
    ]);
    expect(allMissing).toEqual(atMedians);
  });

  it('scores infinities as TypeScript does, as the most extreme values', () => {
    const random = new Random(8);
    const values = normalRows(500, 9).values.map((value) =>
      random.next() < 0.3 ? random.pick([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) : value,
    );
    return expectParity(createMatrix(values, COLUMNS));
  });

  it('scores a row the same alone, in a batch, and after a reload', async () => {
    const rows = normalRows(300, 10);
    const { scores } = await session.run(rows);
    const alone = new Float32Array(rows.rows);
    for (let row = 0; row < rows.rows; row++) {
      alone[row] = (await session.run(takeRows(rows, Int32Array.of(row)))).scores[0]!;
    }
    expect(alone).toEqual(scores);
    const reloaded = await ModelSession.open(Uint8Array.from(file));
    expect((await reloaded.run(rows)).scores).toEqual(scores);
    await reloaded.release();
  });

  it('scores a forest of one row', async () => {
    const row = createMatrix(new Float32Array(COLUMNS).fill(1), COLUMNS);
    const single = await ModelSession.open(
      fileOf(await isolationForest.fit(row, isolationForest.defaultOptions, { seed: 1 })),
    );
    expect((await single.run(row)).scores[0]).toBeCloseTo(0.5, 6);
    await single.release();
  });
});

describe('isolation forest file', () => {
  const smallFile = async () => {
    const random = new Random(1);
    const values = Float32Array.from({ length: 50 * COLUMNS }, () => random.next());
    const rows = createMatrix(values, COLUMNS);
    return fileOf(await isolationForest.fit(rows, { nEstimators: 5, maxSamples: 16 }, { seed: 2 }));
  };

  it('is byte for byte the same for the same rows and seed', async () => {
    const digest = createHash('sha256')
      .update(await smallFile())
      .digest('hex');
    // Changes when the sampling, the tree layout, the converter or the writer does: then every released file changes too.
    expect(digest).toBe('33e92cec8414db8238d536966db2e2f1b6b14121539523178c76888711a22053');
  });

  it('declares IR 8, opsets 17 and 3, one input, three outputs', async () => {
    const model = fromBinary(ModelProtoSchema, await smallFile());
    expect(model.irVersion).toBe(8n);
    expect(model.opsetImport.map(({ domain, version }) => [domain, version])).toEqual([
      ['', 17n],
      ['ai.onnx.ml', 3n],
    ]);
    expect(model.graph?.input.map(({ name }) => name)).toEqual(['features']);
    expect(model.graph?.output.map(({ name }) => name)).toEqual(['score', 'p_value', 'tail_p_value']);
    expect(new Set(model.graph?.node.map(({ domain }) => domain))).toEqual(new Set(['', 'ai.onnx.ml']));
  });
});

function normalRows(rows: number, seed: number): Matrix {
  const random = new Random(seed);
  return createMatrix(
    Float32Array.from({ length: rows * COLUMNS }, () => random.normal()),
    COLUMNS,
  );
}
