import type { CombinationData } from '@liminal/shared/calibration/combination';
import { FEATURE_COUNT, FEATURE_NAMES } from '@liminal/shared/contracts/feature-vector';
import type { ModelName } from '@liminal/shared/contracts/prediction';
import { Random } from '@liminal/shared/runtime/random';
import { DEFAULT_LOAD_LSTM, type LoadLstmOptions } from '../detectors/load-lstm.ts';
import { type Matrix, takeRows } from '../detectors/matrix.ts';
import { mostTypicalFirst } from './background-rows.ts';
import { censoringLimits } from './longest-interval.ts';
import { type FeatureProfile, referenceProfile } from './reference-profile.ts';
import { referenceRows } from './reference-rows.ts';
import { RELEASE_ROW_LENGTH } from './release-rows.ts';
import { type SplitOptions, splitRows, type TrainingRows } from './split-rows.ts';
import type { SplitRows } from './train-detector.ts';
import { trainLoadLstm } from './train-load-lstm.ts';
import { chosenModels, DEFAULT_MODEL_OPTIONS, type ModelOptions, modelSeed } from './trainable-models.ts';
import type { TrainedModel, TrainingContext } from './trained-model.ts';
import { TrainingDataError } from './training-errors.ts';
import { servedFeatures } from './whole-histories.ts';

/** Options by model: those of any table, and the LSTM of the load histories. A release holds the models that are named. */
export interface ReleaseModelOptions extends ModelOptions {
  lstm?: LoadLstmOptions;
}

export const DEFAULT_RELEASE_MODELS: ReleaseModelOptions = { ...DEFAULT_MODEL_OPTIONS, lstm: DEFAULT_LOAD_LSTM };

export interface ReleaseTrainingOptions extends SplitOptions {
  /** Rows that drift is measured against, at most. */
  referenceRows: number;
  /** Rows kept as background of SHAP values, drawn from the training rows. */
  backgroundRows: number;
  /** The models to train. */
  models: ReleaseModelOptions;
}

export const DEFAULT_RELEASE_TRAINING: ReleaseTrainingOptions = {
  calibrationShare: 0.3,
  maxCalibrationRows: 10_000,
  backgroundRows: 100,
  referenceRows: 1_000,
  models: DEFAULT_RELEASE_MODELS,
};

/** Everything of a release that comes from its training rows. */
export interface TrainedRelease {
  models: TrainedModel[];
  /** Models that these rows could not give, and why. */
  leftOut: { name: ModelName; reason: string }[];
  /** Over all rows, in the order of the features. */
  referenceProfile: FeatureProfile[];
  /** Raw training rows, NaN = not observed, the most typical first. */
  backgroundRows: Matrix;
  /** Raw rows of different users, for drift. */
  referenceRows: Matrix;
  independentCalibrationRows: number;
  rows: { total: number; training: number; calibration: number };
}

/** One row to fit on and one to calibrate with. */
const FEWEST_ROWS = 2;

/**
 * Trains every model of a release, the LSTM first, since what it forecasts is a feature of the others. A pure function of
 * rows (NaN = not observed), seed and options: the same give byte-identical files. `rows`: [rows, `RELEASE_ROW_LENGTH`]; or
 * features of schema v1 alone [rows, `FEATURE_COUNT`], which are taken as they are and give no LSTM. Rejects with `TrainingDataError` (too few rows, wrong width),
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
  const splitSeed = random.uint32();
  const splitOf = (all: TrainingRows): SplitRows => splitRows(all, options, new Random(splitSeed));
  const { lstm, leftOut } = await trainLstm(splitOf(rows), options.models.lstm, context);
  const hasFeaturesAlone = rows.columns === FEATURE_COUNT;
  const features = hasFeaturesAlone ? rows : await servedFeatures(rows, lstm, context.signal);
  // The same rows in the same parts: what calibrates was not seen by the LSTM either.
  const served: TrainingRows = { ...features, ...(rows.groups && { groups: rows.groups }) };
  const { longestIntervalMs } = rows;
  const limits = longestIntervalMs === undefined ? undefined : censoringLimits(longestIntervalMs);
  const split: SplitRows = { ...splitOf(served), limits };
  const { training, calibration } = split;
  const backgroundCount = Math.min(options.backgroundRows, training.rows);
  const backgroundRows = mostTypicalFirst(takeRows(training, random.fork().sample(training.rows, backgroundCount)));
  const models = await trainEach(split, options.models, context);
  if (lstm !== undefined) models.push(lstm);
  return {
    models,
    leftOut,
    referenceProfile: referenceProfile(features, FEATURE_NAMES),
    backgroundRows,
    referenceRows: referenceRows(served, options.referenceRows, random.fork()),
    independentCalibrationRows: split.independentCalibrationRows ?? calibration.rows,
    rows: { total: rows.rows, training: training.rows, calibration: calibration.rows },
  };
}

async function trainLstm(
  split: SplitRows,
  options: LoadLstmOptions | undefined,
  context: TrainingContext,
): Promise<{ lstm?: TrainedModel; leftOut: TrainedRelease['leftOut'] }> {
  if (options === undefined) return { leftOut: [] };
  const name = 'lstm';
  if (split.training.columns === FEATURE_COUNT) return { leftOut: [{ name, reason: 'rows without load histories' }] };
  const outcome = await trainLoadLstm(split, options, { ...context, seed: modelSeed(context.seed, name) });
  return 'model' in outcome ? { lstm: outcome.model, leftOut: [] } : { leftOut: [{ name, reason: outcome.reason }] };
}

/** What comes of rows with any columns: the models of a release without what belongs to the features of the platform. */
export interface TrainedModels {
  models: TrainedModel[];
  rows: TrainedRelease['rows'];
}

export type ModelTrainingOptions = Omit<ReleaseTrainingOptions, 'backgroundRows' | 'referenceRows'>;

/**
 * Trains models on rows with any number of columns (NaN = not observed). With the rows, seed and options of a release these
 * are its models, byte for byte. Rejects as `trainReleaseModels` does.
 */
export async function trainModels(
  rows: TrainingRows,
  options: ModelTrainingOptions,
  context: TrainingContext,
): Promise<TrainedModels> {
  context.signal?.throwIfAborted();
  assertOptions(options);
  if (rows.rows < FEWEST_ROWS) {
    throw new TrainingDataError(`training takes at least ${FEWEST_ROWS} rows, there are ${rows.rows}`);
  }
  const split = splitRows(rows, options, new Random(context.seed).fork());
  const models = await trainEach(split, options.models, context);
  return { models, rows: { total: rows.rows, training: split.training.rows, calibration: split.calibration.rows } };
}

async function trainEach(split: SplitRows, chosen: ModelOptions, context: TrainingContext): Promise<TrainedModel[]> {
  const models: TrainedModel[] = [];
  for (const { model, options } of chosenModels(chosen)) {
    models.push(await model.train(split, options, { ...context, seed: modelSeed(context.seed, model.name) }));
  }
  return models;
}

/** What combines the models of a release, in their order. */
export function combinationOf(models: readonly TrainedModel[]): CombinationData {
  const rows = models[0]!.calibration.scores.length;
  const scores = new Float32Array(models.length * rows);
  for (const [index, { calibration }] of models.entries()) scores.set(calibration.scores, index * rows);
  return {
    models: models.map(({ name }) => name),
    tailScales: Float32Array.from(models, ({ calibration }) => calibration.tailScale),
    scores,
  };
}

function assertTrainable(rows: Matrix, options: ReleaseTrainingOptions): void {
  assertOptions(options);
  if (rows.columns !== FEATURE_COUNT && rows.columns !== RELEASE_ROW_LENGTH) {
    throw new TrainingDataError(`training rows have ${FEATURE_COUNT} features, these have ${rows.columns}`);
  }
  if (rows.rows < FEWEST_ROWS) {
    throw new TrainingDataError(
      `training takes at least ${FEWEST_ROWS} rows, there are ${rows.rows}: send more events`,
    );
  }
}

function assertOptions({ calibrationShare, models }: ModelTrainingOptions): void {
  if (chosenModels(models).length === 0) throw new RangeError('a training needs at least one model');
  if (!(calibrationShare > 0 && calibrationShare < 1)) {
    throw new RangeError(`calibrationShare must lie between 0 and 1, not be ${calibrationShare}`);
  }
}
