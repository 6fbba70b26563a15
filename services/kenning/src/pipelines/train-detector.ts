import { tailScale } from '@liminal/shared/calibration/tail-scale';
import { calibrate, smallestPValue } from '../calibration/conformal.ts';
import type { Detector } from '../detectors/detector.ts';
import { type Matrix, rowRange } from '../detectors/matrix.ts';
import { fitMedians, imputeMissing, limitInfinite } from '../detectors/median-imputation.ts';
import { rightCensored } from '../detectors/right-censoring.ts';
import { type DetectorModelParts, detectorModel } from '../onnx/detector-model.ts';
import type { GraphBuilder, Value } from '../onnx/graph-builder.ts';
import { ModelSession } from '../onnx/model-session.ts';
import { assertParity, probeRows } from './onnx-parity.ts';
import type { ModelParams, TrainedModel, TrainingContext } from './trained-model.ts';

/** Raw rows, NaN = not observed, in random order. The calibration rows take no part in the fit, medians included. */
export interface SplitRows {
  training: Matrix;
  calibration: Matrix;
  /** Longest intervals that the rows can tell of, see `rightCensored`; left out where no column is censored. */
  limits?: Float32Array | undefined;
  /** How many independent rows the calibration is worth: rows of one user resemble each other. */
  independentCalibrationRows?: number;
}

/** A detector, and how its fitted values become a part of an ONNX graph. */
export interface ExportableDetector<Options, Fitted> {
  detector: Detector<Options, Fitted>;
  /** Adds the score [N, 1], last node called `name`; `features` [N, columns] are imputed unless NaN is native to it. */
  addScore(graph: GraphBuilder, features: Value, fitted: Fitted, name: string): Value;
  /** What a release tells of the fit beside its options, such as the approximation that was chosen. */
  describe?: ((fitted: Fitted) => ModelParams) | undefined;
}

/** Training rows that the tail scale is taken from. */
export const TAIL_ROWS = 2_000;

/** Rows → fitted detector → ONNX file with p-values that has been checked against the fitted values. */
export async function trainDetector<Options extends object, Fitted>(
  { detector, addScore, describe }: ExportableDetector<Options, Fitted>,
  { training, calibration, limits }: SplitRows,
  options: Options,
  { seed, onProgress, signal }: TrainingContext,
): Promise<TrainedModel> {
  const { name } = detector;
  const { medians, prepared } = rowPreparation(detector, training, limits);
  const fitted = await detector.fit(prepared(training), options, {
    seed,
    signal,
    onProgress: (share) => onProgress?.({ model: name, stage: 'fit', share }),
  });

  onProgress?.({ model: name, stage: 'calibrate', share: 0 });
  const parts: DetectorModelParts = {
    name,
    columns: training.columns,
    limits,
    medians,
    addScore: (graph, features, scoreName) => addScore(graph, features, fitted, scoreName),
  };
  const tailRows = rowRange(training, 0, Math.min(training.rows, TAIL_ROWS));
  const [scores, trainingScores] = await scoresOf(detectorModel(parts), [calibration, tailRows], signal);
  const calibrated = calibrate(scores!, tailScale(trainingScores!));
  const onnx = detectorModel({ ...parts, calibration: calibrated });

  onProgress?.({ model: name, stage: 'verify', share: 0 });
  const probes = probeRows(calibration);
  const expectedScores = detector.anomalyScores(fitted, prepared(probes));
  const onnxDifference = await assertParity({
    name,
    onnx,
    rows: probes,
    expectedScores,
    calibration: calibrated,
    signal,
  });

  onProgress?.({ model: name, stage: 'verify', share: 1 });
  return {
    name,
    onnx,
    params: { ...plainParams(options), ...describe?.(fitted) },
    metrics: { onnxDifference },
    input: { offset: 0, length: training.columns, appliesTo: 'every-vector' },
    seed,
    calibration: {
      rows: calibration.rows,
      smallestPValue: smallestPValue(calibration.rows),
      tailScale: calibrated.tailScale,
      scores: scores!,
    },
  };
}

/** How a detector that is fitted on `training` takes its rows: censored, and medians filled in unless NaN is native to it. */
export function rowPreparation(
  { missingValues }: { missingValues: Detector<unknown, unknown>['missingValues'] },
  training: Matrix,
  limits?: Float32Array,
): { medians: Float32Array | undefined; prepared(rows: Matrix): Matrix } {
  const censored = (rows: Matrix): Matrix => (limits ? rightCensored(rows, limits) : rows);
  if (missingValues === 'native') return { medians: undefined, prepared: (rows) => limitInfinite(censored(rows)) };
  // In a censored column nothing is left to fill in; who reads the file learns all the same what counts there.
  const medians = fitMedians(training).map((median, column) => {
    const limit = limits?.[column] ?? Number.POSITIVE_INFINITY;
    return limit === Number.POSITIVE_INFINITY ? median : limit;
  });
  return { medians, prepared: (rows) => imputeMissing(censored(rows), medians) };
}

async function scoresOf(
  file: Uint8Array,
  matrices: readonly Matrix[],
  signal: AbortSignal | undefined,
): Promise<Float32Array<ArrayBuffer>[]> {
  const session = await ModelSession.open(file);
  try {
    const scores: Float32Array<ArrayBuffer>[] = [];
    for (const rows of matrices) scores.push((await session.run(rows, signal)).scores);
    return scores;
  } finally {
    await session.release();
  }
}

/** Those options that a manifest can hold. */
export function plainParams(options: object): ModelParams {
  const isPlain = ([, value]: [string, unknown]) => ['number', 'string', 'boolean'].includes(typeof value);
  return Object.fromEntries(Object.entries(options).filter(isPlain)) as ModelParams;
}
