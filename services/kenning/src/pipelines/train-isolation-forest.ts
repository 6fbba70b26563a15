import { calibrate, smallestPValue } from '../calibration/conformal.ts';
import { type IsolationForestOptions, isolationForest } from '../detectors/isolation-forest.ts';
import type { Matrix } from '../detectors/matrix.ts';
import { fitMedians, imputeMissing } from '../detectors/median-imputation.ts';
import { type DetectorModelParts, detectorModel } from '../onnx/detector-model.ts';
import { isolationForestScore } from '../onnx/isolation-forest-converter.ts';
import { ModelSession } from '../onnx/model-session.ts';
import { assertParity, probeRows } from './onnx-parity.ts';
import type { TrainedModel, TrainingContext } from './trained-model.ts';

/** Raw rows, NaN = not observed. The calibration rows take no part in the fit, medians included. */
export interface SplitRows {
  training: Matrix;
  calibration: Matrix;
}

/** Rows → isolation forest → ONNX file with p-values that has been checked against the forest. */
export async function trainIsolationForest(
  { training, calibration }: SplitRows,
  options: IsolationForestOptions,
  { seed, onProgress, signal }: TrainingContext,
): Promise<TrainedModel> {
  const { name } = isolationForest;
  const medians = fitMedians(training);
  const forest = await isolationForest.fit(imputeMissing(training, medians), options, {
    seed,
    signal,
    onProgress: (share) => onProgress?.({ model: name, stage: 'fit', share }),
  });

  onProgress?.({ model: name, stage: 'calibrate', share: 0 });
  const parts: DetectorModelParts = {
    name,
    medians,
    addScore: (graph, features, scoreName) => isolationForestScore(graph, features, forest, scoreName),
  };
  const calibrationScores = await scoresOf(detectorModel(parts), calibration, signal);
  const calibrated = calibrate(calibrationScores);
  const onnx = detectorModel({ ...parts, calibration: calibrated });

  onProgress?.({ model: name, stage: 'verify', share: 0 });
  const probes = probeRows(calibration);
  const expectedScores = isolationForest.anomalyScores(forest, imputeMissing(probes, medians));
  await assertParity({ name, onnx, rows: probes, expectedScores, calibration: calibrated, signal });

  onProgress?.({ model: name, stage: 'verify', share: 1 });
  return {
    name,
    onnx,
    params: { ...options, seed },
    calibration: {
      rows: calibration.rows,
      smallestPValue: smallestPValue(calibration.rows),
      scores: calibrationScores,
    },
  };
}

async function scoresOf(
  file: Uint8Array,
  rows: Matrix,
  signal: AbortSignal | undefined,
): Promise<Float32Array<ArrayBuffer>> {
  const session = await ModelSession.open(file);
  try {
    return (await session.run(rows, signal)).scores;
  } finally {
    await session.release();
  }
}
