import { type Matrix, rowRange, takeColumns } from '../detectors/matrix.ts';
import { auroc, averagePrecision } from '../evaluation/ranking.ts';
import { excessMassArea, levelSets, massVolumeArea } from './excess-mass.ts';
import type { FeatureDraw } from './feature-draws.ts';
import { optionsOnColumns, type TunableModel } from './model-spaces.ts';

export interface TrialContext {
  seed: number;
  signal?: AbortSignal | undefined;
}

/** What the trials of one tuning share. */
export interface TrialRows {
  /** Raw rows in random order; a trial with a part of them takes the first. */
  training: Matrix;
  /** What judges without labels. */
  draws: readonly FeatureDraw[];
  /** What judges by labels; none of these rows is in `training`. */
  labelled?: { rows: Matrix; labels: Uint8Array } | undefined;
}

export type TrialOutcome =
  | { criterion: 'excess-mass'; excessMass: number; massVolume: number }
  | { criterion: 'average-precision'; averagePrecision: number; auroc: number };

/** What configurations are ordered by: higher is better. */
export const qualityOf = (outcome: TrialOutcome): number =>
  outcome.criterion === 'excess-mass' ? outcome.excessMass : outcome.averagePrecision;

/** Fits a configuration with a share of its resource, in (0, 1], and judges it: by labels where there are any. */
export async function runTrial<Options extends object>(
  tunable: TunableModel<Options>,
  options: Options,
  share: number,
  { training, draws, labelled }: TrialRows,
  context: TrialContext,
): Promise<TrialOutcome> {
  const rows = rowRange(training, 0, trainingRowsOf(tunable, training.rows, share));
  const shortened = withSteps(tunable, options, share);
  if (labelled !== undefined) {
    const onColumns = optionsOnColumns(tunable, shortened, rows.columns);
    const score = await tunable.model.fitScorer(rows, onColumns, context);
    const scored = { scores: score(labelled.rows), labels: labelled.labels };
    return { criterion: 'average-precision', averagePrecision: averagePrecision(scored), auroc: auroc(scored) };
  }
  let excessMass = 0;
  let massVolume = 0;
  for (const { columns, data, reference } of draws) {
    context.signal?.throwIfAborted();
    const score = await tunable.model.fitScorer(
      takeColumns(rows, columns),
      optionsOnColumns(tunable, shortened, columns.length),
      context,
    );
    const sets = levelSets(score(data), score(reference));
    excessMass += excessMassArea(sets) / draws.length;
    massVolume += massVolumeArea(sets) / draws.length;
  }
  return { criterion: 'excess-mass', excessMass, massVolume };
}

/** Rows that a trial is fitted on. */
export function trainingRowsOf(
  { resource }: Pick<TunableModel<never>, 'resource'>,
  rows: number,
  share: number,
): number {
  return resource === 'training-rows' ? Math.max(1, Math.round(rows * share)) : rows;
}

function withSteps<Options extends object>(
  { resource }: Pick<TunableModel<Options>, 'resource'>,
  options: Options,
  share: number,
): Options {
  if (resource === 'training-rows' || !('steps' in options) || typeof options.steps !== 'number') return options;
  return { ...options, steps: Math.max(1, Math.round(options.steps * share)) };
}
