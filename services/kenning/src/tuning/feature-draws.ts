import type { Random } from '@liminal/shared/runtime/random';
import { createMatrix, type Matrix, takeColumns, takeRows } from '../detectors/matrix.ts';
import { TrainingDataError } from '../pipelines/training-errors.ts';

/** Some of the features, and what a scoring function of them is judged by. */
export interface FeatureDraw {
  /** Ascending. */
  columns: Int32Array;
  /** Rows that no trial is fitted on, all of them complete in `columns`. */
  data: Matrix;
  /**
   * What volumes are measured by: uniform in the bounding box of `data` once each feature is mapped by ½ U + ½ F, where U is
   * its place between the smallest and the largest value and F the share of the rows below it.
   *
   * Excess mass may be taken with respect to any measure, and the one of the paper, uniform in the features as they are,
   * sees nothing where features have heavy tails or pile up at one value: 90% of the data then lie in less of the box than
   * one point of the sample stands for, in each configuration alike. A monotone map of each feature leaves all level sets of
   * a model as they are and only measures them otherwise. By F alone the sample would be the data with its columns
   * shuffled, in which no feature is ever far out; by U alone it is the paper's. By both, whatever range holds a share m of
   * a feature measures at least m/2, and the tail as much as its length.
   */
  reference: Matrix;
}

export interface FeatureDrawOptions {
  /** How many draws; where all features fit into one, there is one. */
  draws: number;
  /** Features of a draw: in more dimensions the sample no longer meets the data (5 in the paper). */
  maxColumns: number;
  /** Points of the sample that measures volumes. */
  volumeSamples: number;
}

/** Fewer complete rows tell nothing about a mass of 90% and more. */
const FEWEST_ROWS = 50;

/**
 * Draws features as in Goix (2016), algorithm 1, so that volumes can be measured by a sample. A feature that is constant has
 * no volume, and one that would leave too few complete rows is passed over: a row with a missing value lies nowhere in the
 * box. Throws `TrainingDataError` where no feature is left.
 */
export function drawFeatures(evaluation: Matrix, options: FeatureDrawOptions, random: Random): FeatureDraw[] {
  const draws = evaluation.columns <= options.maxColumns ? 1 : options.draws;
  return Array.from({ length: draws }, () => drawOnce(evaluation, options, random));
}

function drawOnce(evaluation: Matrix, { maxColumns, volumeSamples }: FeatureDrawOptions, random: Random): FeatureDraw {
  let columns: number[] = [];
  let rows = Int32Array.from({ length: evaluation.rows }, (_, row) => row);
  for (const column of random.sample(evaluation.columns, evaluation.columns)) {
    if (columns.length === maxColumns) break;
    const complete = rows.filter((row) => Number.isFinite(evaluation.values[row * evaluation.columns + column]));
    const wider = [...columns, column];
    if (complete.length < FEWEST_ROWS || !wider.every((other) => varies(evaluation, complete, other))) continue;
    columns = wider;
    rows = complete;
  }
  if (columns.length === 0) {
    throw new TrainingDataError(
      `tuning without labels needs a feature that varies over at least ${FEWEST_ROWS} held-out rows: send more events`,
    );
  }
  const chosen = Int32Array.from(columns).sort();
  const data = takeColumns(takeRows(evaluation, rows), chosen);
  return { columns: chosen, data, reference: referenceSample(data, volumeSamples, random) };
}

function varies({ values, columns }: Matrix, rows: Int32Array, column: number): boolean {
  const first = values[rows[0]! * columns + column];
  return rows.some((row) => values[row * columns + column] !== first);
}

function referenceSample({ values, rows, columns }: Matrix, count: number, random: Random): Matrix {
  const low = new Float64Array(columns).fill(Number.POSITIVE_INFINITY);
  const high = new Float64Array(columns).fill(Number.NEGATIVE_INFINITY);
  for (let index = 0; index < values.length; index++) {
    const column = index % columns;
    low[column] = Math.min(low[column]!, values[index]!);
    high[column] = Math.max(high[column]!, values[index]!);
  }
  // The map inverted: a point that is uniform in ½ U + ½ F is, feature by feature, as often uniform as a value of the data.
  const sample = Float32Array.from({ length: count * columns }, (_, index) => {
    const column = index % columns;
    if (random.next() < 0.5) return random.uniform(low[column]!, high[column]!);
    return values[random.int(rows) * columns + column]!;
  });
  return createMatrix(sample, columns);
}
