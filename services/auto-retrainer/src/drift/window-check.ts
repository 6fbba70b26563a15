import { FEATURE_NAMES, type FeatureName } from '@liminal/shared/contracts/feature-vector';
import { Random } from '@liminal/shared/runtime/random';
import { adjustedPValues } from './benjamini-hochberg.ts';
import { type ColumnDistances, PooledColumn } from './column-distances.ts';
import { copulaScale } from './copula-scale.ts';
import { ksPValue, ksStatistic } from './kolmogorov-smirnov.ts';
import { type MmdResult, mmdTest } from './maximum-mean-discrepancy.ts';
import { missingRatePValue } from './missing-rate.ts';
import { ENOUGH_SHARE, labellings, PermutationTest } from './permutations.ts';
import { pool, type Sample, sortedColumn, subsample } from './sample.ts';

export interface WindowCheckOptions {
  /** Rows of each sample that permutation tests of a column use at most. */
  permutedRows: number;
  permutations: number;
  /** The same for the test over all columns, whose time grows with the square of the rows. */
  kernelRows: number;
  kernelPermutations: number;
  seed: number;
}

export const DEFAULT_WINDOW_CHECK: WindowCheckOptions = {
  permutedRows: 500,
  permutations: 999,
  kernelRows: 250,
  kernelPermutations: 199,
  seed: 1,
};

export const COLUMN_TESTS = ['ks', 'wasserstein', 'populationStability', 'missingRate'] as const;
export type ColumnTest = (typeof COLUMN_TESTS)[number];

/** How far a feature has moved by one measure, and how sure that is. */
export interface TestResult {
  value: number;
  pValue: number;
  /** Adjusted for all tests of all features (Benjamini–Hochberg). */
  adjustedPValue: number;
}

export interface FeatureDrift extends Record<ColumnTest, TestResult> {
  feature: FeatureName;
}

export interface WindowDrift {
  features: FeatureDrift[];
  mmd: MmdResult;
}

/** Fewest rows of either sample for a test over all columns. */
const FEWEST_KERNEL_ROWS = 2;

/**
 * Compares vectors of a window with those of the reference, feature by feature and all at once. Takes up to about 0.1
 * s.
 */
export function checkWindow(reference: Sample, current: Sample, options: WindowCheckOptions): WindowDrift {
  const random = new Random(options.seed);
  const distances = columnDistances(reference, current, options, random.fork());
  const features = FEATURE_NAMES.map((feature, column) => ({
    feature,
    ...fullSampleTests(reference, current, column),
    ...distances[column]!,
  }));
  const all = features.flatMap((tests) => COLUMN_TESTS.map((test) => tests[test]));
  for (const [index, adjusted] of adjustedPValues(all.map(({ pValue }) => pValue)).entries()) {
    all[index]!.adjustedPValue = adjusted;
  }
  return { features, mmd: kernelTest(reference, current, options, random) };
}

type Results<Tests extends ColumnTest> = Record<Tests, TestResult>;

/** Not adjusted yet. */
const result = (value: number, pValue: number): TestResult => ({ value, pValue, adjustedPValue: pValue });

function fullSampleTests(reference: Sample, current: Sample, column: number): Results<'ks' | 'missingRate'> {
  const before = sortedColumn(reference, column);
  const now = sortedColumn(current, column);
  const statistic = ksStatistic(before, now);
  const isComparable = before.length > 0 && now.length > 0;
  const counts = (sample: Sample, observed: number) => ({ missing: sample.rows - observed, rows: sample.rows });
  const missingBefore = counts(reference, before.length);
  const missingNow = counts(current, now.length);
  return {
    ks: isComparable ? result(statistic, ksPValue(statistic, before.length, now.length)) : result(0, 1),
    missingRate: result(
      missingNow.missing / Math.max(missingNow.rows, 1) - missingBefore.missing / Math.max(missingBefore.rows, 1),
      missingRatePValue(missingBefore, missingNow),
    ),
  };
}

function columnDistances(
  reference: Sample,
  current: Sample,
  { permutedRows, permutations }: WindowCheckOptions,
  random: Random,
): Results<keyof ColumnDistances>[] {
  const before = subsample(reference, permutedRows, random);
  const pooled = pool(before, subsample(current, permutedRows, random));
  const enough = Math.ceil(ENOUGH_SHARE * permutations);
  const columns = FEATURE_NAMES.map((_, column) => ({
    pooled: new PooledColumn(pooled, column),
    wasserstein: new PermutationTest(enough),
    populationStability: new PermutationTest(enough),
  }));
  let undecided = columns;
  for (const marks of labellings(pooled.rows, before.rows, permutations, random)) {
    for (const { pooled, wasserstein, populationStability } of undecided) {
      const distances = pooled.distances(marks, before.rows);
      wasserstein.add(distances.wasserstein);
      populationStability.add(distances.populationStability);
    }
    undecided = undecided.filter((column) => !(column.wasserstein.isDecided && column.populationStability.isDecided));
    if (undecided.length === 0) break;
  }
  return columns.map(({ wasserstein, populationStability }) => ({
    wasserstein: result(wasserstein.observed, wasserstein.pValue),
    populationStability: result(populationStability.observed, populationStability.pValue),
  }));
}

function kernelTest(
  reference: Sample,
  current: Sample,
  { kernelRows, kernelPermutations }: WindowCheckOptions,
  random: Random,
): MmdResult {
  const before = subsample(reference, kernelRows, random);
  const now = subsample(current, kernelRows, random);
  if (before.rows < FEWEST_KERNEL_ROWS || now.rows < FEWEST_KERNEL_ROWS) return { value: 0, pValue: 1 };
  return mmdTest(copulaScale(pool(before, now)), before.rows, kernelPermutations, random);
}
