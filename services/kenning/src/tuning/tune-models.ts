import { hash32 } from '@liminal/shared/contracts/hash32';
import type { ModelTuning, TrainingModelOptions } from '@liminal/shared/contracts/tuning';
import { Random } from '@liminal/shared/runtime/random';
import { type Matrix, takeRows } from '../detectors/matrix.ts';
import { modelSeed } from '../pipelines/trainable-models.ts';
import { TrainingDataError } from '../pipelines/training-errors.ts';
import { drawFeatures, type FeatureDrawOptions } from './feature-draws.ts';
import { TUNABLE_MODELS, type TunableModel, type TunableName } from './model-spaces.ts';
import { drawConfigurations } from './search-space.ts';
import { type Ranked, rungShares, successiveHalving } from './successive-halving.ts';
import { qualityOf, runTrial, type TrialOutcome, type TrialRows, trainingRowsOf } from './trial.ts';

export interface TuningOptions extends FeatureDrawOptions {
  models: readonly TunableName[];
  /** Configurations a model, the default one included. */
  configurations: number;
  /** Of each rung the best 1/reduction go on, with `reduction` times the resource. */
  reduction: number;
  /** Share of the rows, drawn at random, that judge and are not fitted on, in (0, 1). */
  evaluationShare: number;
  /** Rows that judge at most, and rows that are fitted on at most. */
  maxEvaluationRows: number;
  maxTrainingRows: number;
}

export const DEFAULT_TUNING: Omit<TuningOptions, 'models'> = {
  configurations: 18,
  reduction: 3,
  draws: 6,
  maxColumns: 5,
  volumeSamples: 4_000,
  evaluationShare: 0.3,
  maxEvaluationRows: 2_000,
  maxTrainingRows: 4_000,
};

export interface TuningProgress {
  model: TunableName;
  /** Share of the whole tuning that is done, in [0, 1]. */
  ratio: number;
}

export interface TuningContext {
  seed: number;
  onProgress?: ((progress: TuningProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface TunedModels {
  models: ModelTuning[];
  rows: { training: number; evaluation: number; labelled: number };
}

/** A trial with fewer rows, or a smaller share of its steps, says nothing about the whole. */
const FEWEST_TRAINING_ROWS = 100;
const FEWEST_STEPS_SHARE = 1 / 9;
/** One half to fit on, and one to judge by. */
const FEWEST_ROWS = 200;

/**
 * Searches the options of each model by successive halving. A pure function of rows (feature vectors of schema v1, or others:
 * see `optionsOnColumns`; NaN = not observed), labels, options and seed. Rejects with `TrainingDataError` where the rows are
 * too few, or with the reason of the signal.
 */
export async function tuneModels(
  rows: Matrix,
  labelled: TrialRows['labelled'],
  options: TuningOptions,
  { seed, onProgress, signal }: TuningContext,
): Promise<TunedModels> {
  signal?.throwIfAborted();
  if (rows.rows < FEWEST_ROWS) {
    throw new TrainingDataError(`tuning takes at least ${FEWEST_ROWS} rows, there are ${rows.rows}: send more events`);
  }
  const random = new Random(seed);
  const { training, evaluation } = splitForTuning(rows, options, random.fork());
  const draws = labelled === undefined ? drawFeatures(evaluation, options, random.fork()) : [];
  const trialRows: TrialRows = { training, draws, labelled };
  const models: ModelTuning[] = [];
  for (const [index, name] of options.models.entries()) {
    const tunable: TunableModel<object> = TUNABLE_MODELS[name];
    models.push(
      await tuneModel(tunable, name, trialRows, options, {
        seed: modelSeed(seed, name),
        signal,
        onProgress: (share) => onProgress?.({ model: name, ratio: (index + share) / options.models.length }),
      }),
    );
  }
  return {
    models,
    rows: {
      training: training.rows,
      evaluation: labelled === undefined ? evaluation.rows : 0,
      labelled: labelled?.rows.rows ?? 0,
    },
  };
}

async function tuneModel<Options extends object>(
  tunable: TunableModel<Options>,
  name: TunableName,
  rows: TrialRows,
  { configurations, reduction }: Pick<TuningOptions, 'configurations' | 'reduction'>,
  context: { seed: number; signal: AbortSignal | undefined; onProgress(share: number): void },
): Promise<ModelTuning> {
  const { defaultOptions } = tunable.model;
  const random = new Random(hash32(`${context.seed}/space`));
  const drawn = drawConfigurations(tunable.space, defaultOptions, configurations, random);
  const fewest = tunable.resource === 'training-rows' ? FEWEST_TRAINING_ROWS / rows.training.rows : FEWEST_STEPS_SHARE;
  const ranking = await successiveHalving(drawn, {
    resources: rungShares(drawn.length, reduction, fewest),
    reduction,
    qualityOf,
    async evaluate(options, share, { done, of }) {
      context.onProgress(done / of);
      return runTrial(tunable, options, share, rows, { seed: context.seed, signal: context.signal });
    },
  });
  context.onProgress(1);
  const searched = Object.keys(tunable.space) as (keyof Options & string)[];
  return {
    model: name,
    criterion: ranking[0]!.outcome.criterion,
    resource: tunable.resource,
    isWholeSpace: drawn.length < configurations,
    ranking: ranking.map((ranked) => describe(ranked, tunable, searched, rows)),
    options: plainOptions(ranking[0]!.configuration, searched),
  };
}

function describe<Options extends object>(
  { configuration, index, rungs, resource, outcome }: Ranked<Options, TrialOutcome>,
  tunable: TunableModel<Options>,
  searched: readonly (keyof Options & string)[],
  { training }: TrialRows,
): ModelTuning['ranking'][number] {
  const { criterion: _, ...criteria } = outcome;
  return {
    options: plainOptions(configuration, searched),
    isDefault: index === 0,
    rungs,
    resourceShare: resource,
    trainingRows: trainingRowsOf(tunable, training.rows, resource),
    criteria: Object.fromEntries(Object.entries(criteria).filter(([, value]) => Number.isFinite(value))),
  };
}

function plainOptions<Options extends object>(
  options: Options,
  names: readonly (keyof Options & string)[],
): TrainingModelOptions {
  return Object.fromEntries(names.map((name) => [name, options[name]])) as TrainingModelOptions;
}

function splitForTuning(
  rows: Matrix,
  { evaluationShare, maxEvaluationRows, maxTrainingRows }: TuningOptions,
  random: Random,
): { training: Matrix; evaluation: Matrix } {
  const order = random.sample(rows.rows, rows.rows);
  const held = Math.min(Math.round(evaluationShare * rows.rows), maxEvaluationRows);
  return {
    evaluation: takeRows(rows, order.subarray(0, held)),
    training: takeRows(rows, order.subarray(held, held + maxTrainingRows)),
  };
}
