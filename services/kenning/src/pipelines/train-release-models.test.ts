import { fromBinary } from '@bufbuild/protobuf';
import { Combination } from '@liminal/shared/calibration/combination';
import { FEATURE_COUNT, FEATURE_NAMES } from '@liminal/shared/contracts/feature-vector';
import { ModelProtoSchema } from '@liminal/shared/onnx/onnx-ml_pb';
import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { alarmCountBand } from '../calibration/beta-binomial.ts';
import { calibrate, conformalPValue } from '../calibration/conformal.ts';
import { createMatrix, type Matrix } from '../detectors/matrix.ts';
import { fitMedians } from '../detectors/median-imputation.ts';
import { outputsOf } from '../onnx/testing/outputs-of.ts';
import { combinationOf, DEFAULT_RELEASE_TRAINING, trainReleaseModels } from './train-release-models.ts';
import { TRAINABLE_MODELS } from './trainable-models.ts';
import type { TrainingProgress } from './trained-model.ts';
import { TrainingDataError } from './training-errors.ts';

const options = DEFAULT_RELEASE_TRAINING;

describe('training of a release', () => {
  it('gives byte-identical files for the same rows and seed, others for another seed', async () => {
    const rows = trafficRows(400, 1);
    const [first, again, other] = await Promise.all(
      [1, 1, 2].map((seed) => trainReleaseModels(rows, options, { seed })),
    );
    expect(again).toEqual(first);
    expect(other!.models[0]!.onnx).not.toEqual(first!.models[0]!.onnx);
  });

  it('gives each model the same file whichever others are trained with it', async () => {
    const rows = trafficRows(400, 1);
    const { models } = await trainReleaseModels(rows, options, { seed: 1 });
    expect(models.length).toBeGreaterThan(1);
    for (const { name, onnx } of models) {
      const alone = { ...options, models: { [name]: options.models[name as keyof typeof options.models] } };
      expect((await trainReleaseModels(rows, alone, { seed: 1 })).models.map((model) => model.onnx)).toEqual([onnx]);
    }
  });

  it('keeps calibration rows out of the fit and every row in exactly one part', async () => {
    const { rows, models, backgroundRows } = await trainReleaseModels(trafficRows(1000, 1), options, { seed: 1 });
    expect(rows).toEqual({ total: 1000, training: 700, calibration: 300 });
    expect(models.map(({ name }) => name)).toEqual(Object.keys(TRAINABLE_MODELS));
    for (const { calibration } of models) {
      expect(calibration.rows).toBe(300);
      expect(calibration.scores).toHaveLength(300);
      expect(calibration.tailScale).toBeGreaterThan(0);
    }
    expect(models[0]!.params).toMatchObject({ nEstimators: 100, maxSamples: 256 });
    expect(backgroundRows).toMatchObject({ rows: 100, columns: FEATURE_COUNT });
  });

  it('draws background rows from the training rows, none twice, none of them a calibration row', async () => {
    const rows = trafficRows(60, 1);
    const { models, backgroundRows } = await trainReleaseModels(rows, { ...options, backgroundRows: 30 }, { seed: 1 });
    const inputRows = rowTexts(rows);
    const drawn = rowTexts(backgroundRows);
    expect(new Set(drawn).size).toBe(30);
    expect(drawn.every((row) => inputRows.includes(row))).toBe(true);
    const { scores } = await outputsOf(models[0]!.onnx, backgroundRows);
    expect(scores.filter((score) => models[0]!.calibration.scores.includes(score))).toHaveLength(0);
  });

  it('fills in the medians of the training rows', async () => {
    // As many background rows as there are training rows: all of them.
    const everyTrainingRow = { ...options, backgroundRows: 1000 };
    const { models, backgroundRows } = await trainReleaseModels(trafficRows(200, 1), everyTrainingRow, { seed: 1 });
    expect(backgroundRows.rows).toBe(101);
    const { graph } = fromBinary(ModelProtoSchema, models[0]!.onnx);
    const medians = graph!.initializer.find(({ name }) => name === 'medians')!.rawData;
    expect(new Float32Array(Uint8Array.from(medians).buffer)).toEqual(fitMedians(backgroundRows));
  });

  it('gives p-values against the calibration scores that it tells', async () => {
    const { models } = await trainReleaseModels(trafficRows(300, 1), options, { seed: 1 });
    for (const { onnx, calibration } of models) {
      const { scores, pValues } = await outputsOf(onnx, trafficRows(200, 3));
      const calibrated = calibrate(calibration.scores, calibration.tailScale);
      expect([...pValues]).toEqual([...scores].map((score) => conformalPValue(calibrated, score)));
    }
  });

  it('takes more than their share for calibration of few rows, so that an alarm rate of 1% is within reach', async () => {
    for (const [total, calibration] of [
      [400, 120],
      [250, 99],
      [60, 30],
    ] as const) {
      const { rows } = await trainReleaseModels(trafficRows(total, 1), options, { seed: 1 });
      expect(rows).toEqual({ total, training: total - calibration, calibration });
    }
  });

  it('bounds the calibration rows', async () => {
    const { rows } = await trainReleaseModels(trafficRows(500, 1), { ...options, maxCalibrationRows: 99 }, { seed: 1 });
    expect(rows).toEqual({ total: 500, training: 401, calibration: 99 });
  });

  it.each([0.01, 0.05])('alarms on fresh normal rows as often as it is told: %d', async (alarmRate) => {
    const { models, rows } = await trainReleaseModels(trafficRows(3000, 1), options, { seed: 5 });
    const fresh = trafficRows(5000, 2);
    const band = alarmCountBand({ testedRows: fresh.rows, calibrationRows: rows.calibration, alarmRate });
    const outputs = await Promise.all(models.map(({ onnx }) => outputsOf(onnx, fresh)));
    const combination = new Combination(combinationOf(models));
    const combined = Float64Array.from({ length: fresh.rows }, (_, row) => {
      return combination.combine(outputs.map(({ scores }) => scores[row]!)).pValue;
    });
    for (const pValues of [...outputs.map((output) => Float64Array.from(output.pValues)), combined]) {
      const alarms = pValues.filter((pValue) => pValue <= alarmRate).length;
      expect(alarms).toBeGreaterThanOrEqual(band.low);
      expect(alarms).toBeLessThanOrEqual(band.high);
    }
  });

  it('profiles each feature over all rows', async () => {
    const rows = createMatrix(
      Float32Array.from({ length: 101 * FEATURE_COUNT }, (_, index) => {
        const row = Math.floor(index / FEATURE_COUNT);
        if (index % FEATURE_COUNT === 5) return Number.NaN;
        return index % FEATURE_COUNT === 1 && row > 50 ? Number.NaN : 100 - row;
      }),
      FEATURE_COUNT,
    );
    const { referenceProfile } = await trainReleaseModels(rows, options, { seed: 1 });
    expect(referenceProfile.map(({ feature }) => feature)).toEqual([...FEATURE_NAMES]);
    expect(referenceProfile[0]).toMatchObject({ missingRate: 0, quantiles: [1, 5, 25, 50, 75, 95, 99] });
    expect(referenceProfile[1]!.missingRate).toBeCloseTo(50 / 101, 12);
    expect(referenceProfile[1]!.quantiles![3]).toBe(75);
    expect(referenceProfile[1]!.quantiles![0]).toBeCloseTo(50.5, 12);
    expect(referenceProfile[5]).toMatchObject({ missingRate: 1, quantiles: null });
  });

  it('takes login intervals longer than the rows can tell of, and missing ones, for that long; nothing else', async () => {
    const longestIntervalMs = 8_000;
    const rows = { ...trafficRows(400, 1), longestIntervalMs };
    const probed = (login: number, other: number): number[] => [1, 2, 3, 4, 5, login, other];
    const probes = createMatrix(
      Float32Array.from([probed(8, 2), probed(9, 2), probed(9e9, 2), probed(Number.NaN, 2), probed(1, 2)].flat()),
      FEATURE_COUNT,
    );
    const others = createMatrix(Float32Array.from([probed(1, 9e9), probed(1, Number.NaN)].flat()), FEATURE_COUNT);
    const { models } = await trainReleaseModels(rows, options, { seed: 1 });
    for (const { name, onnx } of models) {
      const { scores } = await outputsOf(onnx, probes);
      expect([...scores.subarray(1, 4)], name).toEqual(Array(3).fill(scores[0]));
      expect(scores[4], name).not.toBe(scores[0]);
      const [huge, missing] = (await outputsOf(onnx, others)).scores;
      expect(huge, name).not.toBe(missing);
    }
  });

  it.each([
    ['two rows', trafficRows(2, 1)],
    ['rows without a single observation', createMatrix(new Float32Array(7 * 20).fill(Number.NaN), 7)],
    ['equal rows', createMatrix(new Float32Array(7 * 20).fill(1), 7)],
    [
      'infinite values',
      createMatrix(
        Float32Array.from({ length: 7 * 20 }, (_, i) => (i % 9 ? i : 1 / 0)),
        7,
      ),
    ],
  ])('trains on degenerate rows: %s', async (_, rows) => {
    const { models } = await trainReleaseModels(rows, options, { seed: 1 });
    for (const { calibration } of models) expect(calibration.scores.every(Number.isFinite)).toBe(true);
  });

  it('refuses rows and options that it can not train with', async () => {
    await expect(trainReleaseModels(trafficRows(1, 1), options, { seed: 1 })).rejects.toThrow(TrainingDataError);
    await expect(trainReleaseModels(createMatrix(new Float32Array(60), 6), options, { seed: 1 })).rejects.toThrow(
      'training rows have 7 features, these have 6',
    );
    await expect(trainReleaseModels(trafficRows(9, 1), { ...options, models: {} }, { seed: 1 })).rejects.toThrow(
      'at least one model',
    );
    const share = { ...options, calibrationShare: 1 };
    await expect(trainReleaseModels(trafficRows(9, 1), share, { seed: 1 })).rejects.toThrow('calibrationShare');
  });

  it('goes through its stages in order', async () => {
    const seen: TrainingProgress[] = [];
    await trainReleaseModels(trafficRows(100, 1), options, { seed: 1, onProgress: (progress) => seen.push(progress) });
    const names = Object.keys(TRAINABLE_MODELS);
    expect([...new Set(seen.map(({ model, stage }) => `${stage} ${model}`))]).toEqual(
      names.flatMap((name) => ['fit', 'calibrate', 'verify'].map((stage) => `${stage} ${name}`)),
    );
    expect(seen.at(-1)).toEqual({ model: names.at(-1), stage: 'verify', share: 1 });
  });
});

function trafficRows(count: number, seed: number): Matrix {
  const random = new Random(seed);
  const values = Float32Array.from({ length: count * FEATURE_COUNT }, (_, index) =>
    index % FEATURE_COUNT >= 4 && random.next() < 0.3 ? Number.NaN : random.exponential(1 + (index % FEATURE_COUNT)),
  );
  return createMatrix(values, FEATURE_COUNT);
}

function rowTexts(matrix: Matrix): string[] {
  return Array.from({ length: matrix.rows }, (_, row) =>
    matrix.values.subarray(row * matrix.columns, (row + 1) * matrix.columns).join(),
  );
}
