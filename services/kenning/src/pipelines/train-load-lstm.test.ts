import { fromBinary } from '@bufbuild/protobuf';
import { FEATURE_COUNT, PREDICTED_USER_LOAD, VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import { MODEL_INPUT_LENGTH } from '@liminal/shared/contracts/model-input';
import { ewmaForecast } from '@liminal/shared/features/load-forecast';
import { ModelProtoSchema } from '@liminal/shared/onnx/onnx-ml_pb';
import { describe, expect, it } from 'vitest';
import { simulatedRows } from '../../test/trained-release.ts';
import { alarmCountBand } from '../calibration/beta-binomial.ts';
import { calibrate, conformalPValue } from '../calibration/conformal.ts';
import { DEFAULT_LOAD_LSTM } from '../detectors/load-lstm.ts';
import { type Matrix, rowRange, takeRows } from '../detectors/matrix.ts';
import { FORECAST_OUTPUTS } from '../onnx/load-lstm-converter.ts';
import { nonStandardOperators } from '../onnx/model-rewrite.ts';
import { ModelSession } from '../onnx/model-session.ts';
import { trainLoadLstm } from './train-load-lstm.ts';
import { DEFAULT_RELEASE_TRAINING, trainReleaseModels } from './train-release-models.ts';
import type { TrainedModel } from './trained-model.ts';
import { wholeHistories } from './whole-histories.ts';

const OPTIONS = { ...DEFAULT_LOAD_LSTM, steps: 100 };
const day = simulatedRows({ seed: 1 });
const otherDay = simulatedRows({ seed: 2 });

async function trained(training: Matrix, calibration: Matrix): Promise<TrainedModel> {
  const outcome = await trainLoadLstm({ training, calibration }, OPTIONS, { seed: 3 });
  if ('reason' in outcome) throw new Error(outcome.reason);
  return outcome.model;
}

describe('training of the LSTM of a release', () => {
  it('calibrates on rows that it was not fitted on, and on those with a whole history alone', async () => {
    const { onnx, calibration, metrics } = await trained(day, otherDay);
    const { rows, histories } = wholeHistories(otherDay);
    expect(calibration.rows).toBe(rows.length);
    expect(calibration.scores).toHaveLength(otherDay.rows);
    expect([...calibration.scores.keys()].filter((row) => !Number.isNaN(calibration.scores[row]))).toEqual([...rows]);
    const session = await ModelSession.open(onnx);
    const { scores, pValues } = await session.run(histories);
    await session.release();
    const whole = calibration.scores.filter((score) => !Number.isNaN(score));
    expect(scores).toEqual(whole);
    const calibrated = calibrate(whole, calibration.tailScale);
    expect([...pValues.subarray(0, 500)]).toEqual(
      [...scores.subarray(0, 500)].map((s) => conformalPValue(calibrated, s)),
    );
    // The fit itself does not change with what calibrates.
    const other = await trained(day, rowRange(otherDay, 0, 3_000));
    expect(constant(other.onnx, 'lstm_weight')).toEqual(constant(onnx, 'lstm_weight'));
    expect(other.calibration.rows).toBeLessThan(calibration.rows);
    expect(metrics.forecastMeanAbsoluteError).toBeLessThan(0.9 * metrics.ewmaMeanAbsoluteError!);
    expect(metrics.forecastMeanAbsoluteError).toBeLessThan(0.9 * metrics.persistenceMeanAbsoluteError!);
  });

  it('gives an interval that holds 90% of the loads of a fresh day, and needs standard operators alone', async () => {
    const { onnx } = await trained(day, otherDay);
    const { histories, nextLoads } = wholeHistories(simulatedRows({ seed: 4 }));
    const session = await ModelSession.open(onnx);
    const { lower, upper } = FORECAST_OUTPUTS;
    const [lowers, uppers] = await session.outputs(histories, [lower, upper]);
    await session.release();
    const known = [...nextLoads.keys()].filter((row) => !Number.isNaN(nextLoads[row]));
    const inside = known.filter((row) => lowers![row]! <= nextLoads[row]! && nextLoads[row]! <= uppers![row]!);
    expect(inside.length / known.length).toBeGreaterThan(0.87);
    expect(inside.length / known.length).toBeLessThan(0.93);
    expect(nonStandardOperators(onnx)).toEqual([]);
  });

  it.each([0.01, 0.05])('alarms on a fresh day of many users as often as it is told: %d', async (alarmRate) => {
    const calibration = sample(simulatedRows({ seed: 6, platformUsers: 1_500 }), 2_000);
    const { onnx, calibration: calibrated } = await trained(day, calibration);
    const { histories } = wholeHistories(sample(simulatedRows({ seed: 7, platformUsers: 1_500 }), 2_000));
    const session = await ModelSession.open(onnx);
    const { pValues } = await session.run(histories);
    await session.release();
    const band = alarmCountBand({ testedRows: histories.rows, calibrationRows: calibrated.rows, alarmRate });
    const alarms = pValues.filter((pValue) => pValue <= alarmRate).length;
    expect(alarms).toBeGreaterThanOrEqual(band.low);
    expect(alarms).toBeLessThanOrEqual(band.high);
  });

  it('says what is missing where histories are too few, or nobody comes back', async () => {
    const reasonOf = async (training: Matrix, calibration: Matrix) => {
      const outcome = await trainLoadLstm({ training, calibration }, OPTIONS, { seed: 3 });
      return 'reason' in outcome ? outcome.reason : undefined;
    };
    const few = takeRows(day, wholeHistories(day).rows.subarray(0, 999));
    expect(await reasonOf(few, day)).toBe('999 rows with a whole load history to train on, 1000 are needed');
    expect(await reasonOf(day, rowRange(few, 0, 98))).toBe(
      '98 rows with a whole load history to calibrate with, 99 are needed',
    );
    const unknown = {
      ...day,
      values: day.values.map((value, i) => (i % day.columns === day.columns - 1 ? Number.NaN : value)),
    };
    expect(await reasonOf(unknown, day)).toMatch(
      /^0 minutes to train on whose user came back within a load history, 250/,
    );
  });
});

describe('training of a release from rows with load histories', () => {
  const options = { ...DEFAULT_RELEASE_TRAINING, models: { ...DEFAULT_RELEASE_TRAINING.models, lstm: OPTIONS } };
  const columnOf = ({ values, columns }: Matrix, column: number) =>
    values.filter((_, index) => index % columns === column);

  it('takes the predicted load as the release will fill it in, whatever was served when the rows were recorded', async () => {
    const recorded = { ...day, values: day.values.slice() };
    for (let row = 0; row < day.rows; row++) recorded.values[row * day.columns + PREDICTED_USER_LOAD] = 999;
    const [first, second] = [
      await trainReleaseModels(day, options, { seed: 1 }),
      await trainReleaseModels(recorded, options, { seed: 1 }),
    ];
    expect(second).toEqual(first);
    expect(first.leftOut).toEqual([]);
    expect(first.models.map(({ name }) => name)).toEqual([
      'isolation-forest',
      'one-class-svm',
      'autoencoder',
      'nearest-neighbours',
      'lstm',
    ]);
    const { input, forecast, params } = first.models.at(-1)!;
    expect(input).toEqual({
      offset: FEATURE_COUNT,
      length: MODEL_INPUT_LENGTH - FEATURE_COUNT,
      appliesTo: 'complete-input',
    });
    expect(forecast).toEqual({ load: 'forecast', lower: 'forecast_lower', upper: 'forecast_upper' });
    expect(params).toMatchObject({ hidden: 16, steps: 100 });
    const profile = first.referenceProfile[PREDICTED_USER_LOAD]!;
    expect(profile.quantiles!.at(-1)).toBeLessThan(100);
    expect(profile.missingRate).toBeLessThan(0.2);
  });

  it('leaves the LSTM out of too few histories, says why, and takes the moving average', async () => {
    const few = { ...rowRange(day, 0, 900), groups: day.groups!.subarray(0, 900) };
    const { models, leftOut, backgroundRows } = await trainReleaseModels(few, options, { seed: 1 });
    expect(models.map(({ name }) => name)).not.toContain('lstm');
    expect(leftOut).toEqual([
      { name: 'lstm', reason: expect.stringMatching(/^\d+ rows with a whole load history to train on/) },
    ]);
    const averageOf = (row: number) => {
      const start = row * few.columns;
      return Math.fround(ewmaForecast(few.values.subarray(start + FEATURE_COUNT, start + VECTOR_LENGTH)));
    };
    const averages = new Set([...Array(few.rows).keys()].map(averageOf));
    expect(columnOf(backgroundRows, PREDICTED_USER_LOAD).every((load) => averages.has(load))).toBe(true);
  });

  it('leaves it out of features alone', async () => {
    const features = { values: new Float32Array(700).map((_, index) => index % 13), rows: 100, columns: FEATURE_COUNT };
    const { leftOut } = await trainReleaseModels(features, options, { seed: 1 });
    expect(leftOut).toEqual([{ name: 'lstm', reason: 'rows without load histories' }]);
  });
});

function sample(rows: Matrix, count: number): Matrix {
  return takeRows(
    rows,
    Int32Array.from({ length: count }, (_, index) => Math.floor((index * rows.rows) / count)),
  );
}

function constant(file: Uint8Array, name: string): Uint8Array {
  return fromBinary(ModelProtoSchema, file).graph!.initializer.find((tensor) => tensor.name === name)!.rawData;
}
