import { tailScale } from '@liminal/shared/calibration/tail-scale';
import { ewmaForecast } from '@liminal/shared/features/load-forecast';
import { type ConformalCalibration, calibrate, smallestPValue } from '../calibration/conformal.ts';
import { conformity, type HurdleLogistic, intervalLevel, loadQuantile } from '../detectors/hurdle-logistic.ts';
import {
  fitLoadLstm,
  type LoadDistributions,
  type LoadLstm,
  type LoadLstmOptions,
  loadDistributions,
  loadSurprises,
  surpriseMagnitudes,
} from '../detectors/load-lstm.ts';
import { type Matrix, rowRange } from '../detectors/matrix.ts';
import { detectorModel, SCORE_OUTPUT } from '../onnx/detector-model.ts';
import { FORECAST_OUTPUTS, loadLstmScore } from '../onnx/load-lstm-converter.ts';
import { ModelSession } from '../onnx/model-session.ts';
import { assertParity, isClose, probeRows } from './onnx-parity.ts';
import { plainParams, type SplitRows, TAIL_ROWS } from './train-detector.ts';
import type { TrainedModel, TrainingContext } from './trained-model.ts';
import { OnnxParityError } from './training-errors.ts';
import { LOAD_INPUT, type WholeHistories, wholeHistories } from './whole-histories.ts';

const NAME = 'lstm';
/** Share of minutes whose load may lie outside of the interval. */
const MISS_RATE = 0.1;
/** The network has some 1,400 parameters: fewer histories than this are learned by heart. */
const FEWEST_HISTORIES = 1_000;
/** Of them, minutes whose load is known. */
const FEWEST_KNOWN = 250;
/** Fewer give no p-value of 1%, and no interval to speak of. */
const FEWEST_TO_CALIBRATE = 99;
/** Each is asked again with each of its columns missing, in float64 and plain loops. */
const PROBED_HISTORIES = 32;

const { load, lower, upper, distribution } = FORECAST_OUTPUTS;
/** The LSTM of a release, or why these rows give none. */
export type LoadLstmOutcome = { model: TrainedModel } | { reason: string };

/**
 * Release rows → LSTM on those with a whole load history → ONNX file with surprise, p-values, forecast and interval,
 * checked against the fitted values. The calibration rows take no part in the fit.
 */
export async function trainLoadLstm(
  { training, calibration }: SplitRows,
  options: LoadLstmOptions,
  { seed, onProgress, signal }: TrainingContext,
): Promise<LoadLstmOutcome> {
  const fitted = wholeHistories(training);
  const held = wholeHistories(calibration);
  const reason =
    shortage('train on', fitted, FEWEST_HISTORIES, FEWEST_KNOWN) ??
    shortage('calibrate with', held, FEWEST_TO_CALIBRATE, FEWEST_TO_CALIBRATE);
  if (reason !== undefined) return { reason };
  const lstm = await fitLoadLstm(fitted, options, {
    seed,
    signal,
    onProgress: (share) => onProgress?.({ model: NAME, stage: 'fit', share }),
  });

  onProgress?.({ model: NAME, stage: 'calibrate', share: 0 });
  const tailRows = rowRange(fitted.histories, 0, Math.min(fitted.histories.rows, TAIL_ROWS));
  const [scores, distributions] = await outputsOf(fileOf(lstm), held.histories, [SCORE_OUTPUT, distribution], signal);
  const [tailScores] = await outputsOf(fileOf(lstm), tailRows, [SCORE_OUTPUT], signal);
  const calibrated = calibrate(scores!, tailScale(tailScores!));
  const forecasts = knownForecasts(held, distributions!);
  const conformities = Float64Array.from(forecasts, ({ expected, actual }) => conformity(expected, actual));
  const level = intervalLevel(conformities, MISS_RATE);
  const onnx = fileOf(lstm, { level, calibration: calibrated });

  onProgress?.({ model: NAME, stage: 'verify', share: 0 });
  const probes = probeRows(held.histories, PROBED_HISTORIES);
  const fittedDistributions = loadDistributions(lstm, probes);
  const expectedScores = loadSurprises(fittedDistributions, probes);
  const onnxDifference = await assertParity({
    name: NAME,
    onnx,
    rows: probes,
    expectedScores,
    magnitudes: surpriseMagnitudes(fittedDistributions, probes),
    calibration: calibrated,
    signal,
  });
  await assertForecastParity(onnx, fittedDistributions, level, probes, signal);

  onProgress?.({ model: NAME, stage: 'verify', share: 1 });
  const allScores = new Float32Array(calibration.rows).fill(Number.NaN);
  for (const [place, row] of held.rows.entries()) allScores[row] = scores![place]!;
  return {
    model: {
      name: NAME,
      onnx,
      params: { ...plainParams(options), intervalLevel: level },
      metrics: { onnxDifference, ...forecastErrors(forecasts) },
      input: { ...LOAD_INPUT, appliesTo: 'complete-input' },
      forecast: { load, lower, upper },
      seed,
      calibration: {
        rows: held.rows.length,
        smallestPValue: smallestPValue(held.rows.length),
        tailScale: calibrated.tailScale,
        scores: allScores,
      },
    },
  };
}

function shortage(
  purpose: string,
  { rows, nextLoads }: WholeHistories,
  fewest: number,
  fewestKnown: number,
): string | undefined {
  const known = nextLoads.filter((next) => !Number.isNaN(next)).length;
  if (rows.length < fewest) {
    return `${rows.length} rows with a whole load history to ${purpose}, ${fewest} are needed`;
  }
  if (known < fewestKnown) {
    return `${known} minutes to ${purpose} whose user came back within a load history, ${fewestKnown} are needed`;
  }
  return undefined;
}

const fileOf = (
  lstm: LoadLstm,
  { level, calibration }: { level?: number; calibration?: ConformalCalibration } = {},
): Uint8Array<ArrayBuffer> =>
  detectorModel({
    name: NAME,
    columns: lstm.minutes + 1,
    addScore: (graph, features, name) => loadLstmScore(graph, features, lstm, name, level),
    ...(calibration && { calibration }),
  });

async function outputsOf(
  file: Uint8Array,
  rows: Matrix,
  names: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Float32Array<ArrayBuffer>[]> {
  const session = await ModelSession.open(file);
  try {
    return await session.outputs(rows, names, signal);
  } finally {
    await session.release();
  }
}

interface KnownForecast {
  expected: HurdleLogistic;
  actual: number;
  /** Requests of the minutes before, oldest first. */
  history: Float32Array;
}

/** Of the rows whose own minute is known. `distributions`: [rows, 3]. */
function knownForecasts({ histories, nextLoads }: WholeHistories, distributions: Float32Array): KnownForecast[] {
  return Array.from(nextLoads).flatMap((actual, row) => {
    if (Number.isNaN(actual)) return [];
    const start = row * histories.columns;
    const history = histories.values.subarray(start, start + histories.columns - 1);
    return [{ expected: distributionAt(distributions, row), actual, history }];
  });
}

/** Mean absolute errors, requests, beside what needs no learning. */
function forecastErrors(forecasts: readonly KnownForecast[]): Record<string, number> {
  const meanError = (forecast: (known: KnownForecast) => number): number =>
    forecasts.reduce((sum, known) => sum + Math.abs(forecast(known) - known.actual), 0) / forecasts.length;
  return {
    forecasts: forecasts.length,
    forecastMeanAbsoluteError: meanError(({ expected }) => loadQuantile(expected, 0.5)),
    ewmaMeanAbsoluteError: meanError(({ history }) => ewmaForecast(history)),
    persistenceMeanAbsoluteError: meanError(({ history }) => history.at(-1)!),
  };
}

/**
 * Throws `OnnxParityError` unless the file has the distributions of the fitted model, and the median and the interval that
 * belong to its own distributions (where a quantile is nearly zero it magnifies the rounding of the network), all within
 * `SCORE_TOLERANCE`.
 */
async function assertForecastParity(
  onnx: Uint8Array,
  fitted: readonly LoadDistributions[],
  level: number,
  rows: Matrix,
  signal: AbortSignal | undefined,
): Promise<void> {
  const shares = { [load]: 0.5, [lower]: level / 2, [upper]: 1 - level / 2 };
  const [distributions, ...columns] = await outputsOf(onnx, rows, [distribution, ...Object.keys(shares)], signal);
  const assertClose = (what: string, found: number, expected: number): void => {
    if (isClose(found, expected)) return;
    throw new OnnxParityError(`the ONNX file of ${NAME} gives a ${what} of ${found}, the fitted model ${expected}`);
  };
  for (const [row, { next }] of fitted.entries()) {
    const found = distributionAt(distributions!, row);
    for (const what of ['location', 'scale', 'logOdds'] as const) assertClose(what, found[what], next[what]);
    for (const [index, [name, share]] of Object.entries(shares).entries()) {
      assertClose(name, columns[index]![row]!, loadQuantile(found, share));
    }
  }
}

/** Row of the output `forecast_distribution` [rows, 3]. */
function distributionAt(distributions: Float32Array, row: number): HurdleLogistic {
  const [location, scale, logOdds] = distributions.subarray(3 * row, 3 * row + 3);
  return { location: location!, scale: scale!, logOdds: logOdds! };
}
