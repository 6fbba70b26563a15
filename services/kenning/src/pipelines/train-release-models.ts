import type { CombinationData } from '@liminal/shared/calibration/combination';
import { FEATURE_COUNT, FEATURE_NAMES } from '@liminal/shared/contracts/feature-vector';
import { Random } from '@liminal/shared/runtime/random';
import { type Matrix, takeRows } from '../detectors/matrix.ts';
import { type FeatureProfile, referenceProfile } from './reference-profile.ts';
import { type SplitOptions, splitRows, type TrainingRows } from './split-rows.ts';
import { chosenModels, DEFAULT_MODEL_OPTIONS, type ModelOptions, modelSeed } from './trainable-models.ts';
import type { TrainedModel, TrainingContext } from './trained-model.ts';
import { TrainingDataError } from './training-errors.ts';

export interface ReleaseTrainingOptions extends SplitOptions {
  /** Rows kept as background of SHAP values, drawn from the training rows. */
  backgroundRows: number;
  /** The models to train. */
  models: ModelOptions;
}

export const DEFAULT_RELEASE_TRAINING: ReleaseTrainingOptions = {
  calibrationShare: 0.3,
  maxCalibrationRows: 10_000,
  backgroundRows: 100,
  models: DEFAULT_MODEL_OPTIONS,
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
  rows: TrainingRows,
  options: ReleaseTrainingOptions,
  context: TrainingContext,
): Promise<TrainedRelease> {
  context.signal?.throwIfAborted();
  assertTrainable(rows, options);
  const random = new Random(context.seed);
  const split = splitRows(rows, options, random.fork());
  const backgroundCount = Math.min(options.backgroundRows, split.training.rows);
  const backgroundRows = takeRows(split.training, random.fork().sample(split.training.rows, backgroundCount));
  const models: TrainedModel[] = [];
  for (const { model, options: modelOptions } of chosenModels(options.models)) {
    const seed = modelSeed(context.seed, model.name);
    models.push(await model.train(split, modelOptions, { ...context, seed }));
  }
  return {
    models,
    referenceProfile: referenceProfile(rows, FEATURE_NAMES),
    backgroundRows,
    rows: { total: rows.rows, training: split.training.rows, calibration: split.calibration.rows },
  };
}

/** What combines the models of a release, in their order. */
export function combinationOf(models: readonly TrainedModel[]): CombinationData {
  const rows = models[0]!.calibration.rows;
  const scores = new Float32Array(models.length * rows);
  for (const [index, { calibration }] of models.entries()) scores.set(calibration.scores, index * rows);
  return {
    models: models.map(({ name }) => name),
    tailScales: Float32Array.from(models, ({ calibration }) => calibration.tailScale),
    scores,
  };
}

function assertTrainable(rows: Matrix, { calibrationShare, models }: ReleaseTrainingOptions): void {
  if (chosenModels(models).length === 0) throw new RangeError('a release needs at least one model');
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
