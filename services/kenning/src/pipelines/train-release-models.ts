import { FEATURE_COUNT, FEATURE_NAMES } from '@liminal/shared/contracts/feature-vector';
import { Random } from '@liminal/shared/runtime/random';
import { type IsolationForestOptions, isolationForest } from '../detectors/isolation-forest.ts';
import { type Matrix, takeRows } from '../detectors/matrix.ts';
import { type FeatureProfile, referenceProfile } from './reference-profile.ts';
import { type SplitRows, trainIsolationForest } from './train-isolation-forest.ts';
import type { TrainedModel, TrainingContext } from './trained-model.ts';
import { TrainingDataError } from './training-errors.ts';

export interface ReleaseTrainingOptions {
  /** Share of the rows, drawn at random, that is kept out of the fit for calibration, in (0, 1). */
  calibrationShare: number;
  /** More calibration rows than this sharpen nothing and only grow the files; the rest joins the fit. */
  maxCalibrationRows: number;
  /** Rows kept as background of SHAP values, drawn from the training rows. */
  backgroundRows: number;
  isolationForest: IsolationForestOptions;
}

export const DEFAULT_RELEASE_TRAINING: ReleaseTrainingOptions = {
  calibrationShare: 0.3,
  maxCalibrationRows: 10_000,
  backgroundRows: 100,
  isolationForest: isolationForest.defaultOptions,
};

/** Everything of a release that comes from its training rows. */
export interface TrainedRelease {
  models: TrainedModel[];
  /** Over all rows, in the order of the features. */
  referenceProfile: FeatureProfile[];
  /** Raw training rows, NaN = not observed. */
  backgroundRows: Matrix;
  rows: { total: number; training: number; calibration: number };
}

/** One row to fit on and one to calibrate with. */
const FEWEST_ROWS = 2;

/**
 * Trains every model of a release. A pure function of rows (feature vectors of schema v1, NaN = not observed), seed and
 * options: the same give byte-identical files. Rejects with `TrainingDataError` (too few rows, wrong width),
 * `OnnxParityError` (a converter is broken) or the reason of the signal.
 */
export async function trainReleaseModels(
  rows: Matrix,
  options: ReleaseTrainingOptions,
  context: TrainingContext,
): Promise<TrainedRelease> {
  context.signal?.throwIfAborted();
  assertTrainable(rows, options);
  const random = new Random(context.seed);
  const split = splitRows(rows, options, random.fork());
  const backgroundCount = Math.min(options.backgroundRows, split.training.rows);
  const backgroundRows = takeRows(split.training, random.fork().sample(split.training.rows, backgroundCount));
  const forestSeed = random.fork().uint32();
  return {
    models: [await trainIsolationForest(split, options.isolationForest, { ...context, seed: forestSeed })],
    referenceProfile: referenceProfile(rows, FEATURE_NAMES),
    backgroundRows,
    rows: { total: rows.rows, training: split.training.rows, calibration: split.calibration.rows },
  };
}

function splitRows(
  rows: Matrix,
  { calibrationShare, maxCalibrationRows }: ReleaseTrainingOptions,
  random: Random,
): SplitRows {
  const wanted = Math.min(Math.round(calibrationShare * rows.rows), maxCalibrationRows);
  const count = Math.min(Math.max(wanted, 1), rows.rows - 1);
  const shuffled = random.sample(rows.rows, rows.rows);
  return {
    calibration: takeRows(rows, shuffled.subarray(0, count)),
    training: takeRows(rows, shuffled.subarray(count)),
  };
}

function assertTrainable(rows: Matrix, { calibrationShare }: ReleaseTrainingOptions): void {
  if (!(calibrationShare > 0 && calibrationShare < 1)) {
    throw new RangeError(`calibrationShare must lie between 0 and 1, not be ${calibrationShare}`);
  }
  if (rows.columns !== FEATURE_COUNT) {
    throw new TrainingDataError(`training rows have ${FEATURE_COUNT} features, these have ${rows.columns}`);
  }
  if (rows.rows < FEWEST_ROWS) {
    throw new TrainingDataError(
      `training takes at least ${FEWEST_ROWS} rows, there are ${rows.rows}: send more events`,
    );
  }
}
