import type { Evaluate } from '@liminal/shared/shapley/background';
import type { TrainingDistribution } from './training-distribution.ts';

export interface FeatureChange {
  feature: number;
  from: number;
  to: number;
}

export interface Counterfactual {
  /** In the order of the features. */
  changes: FeatureChange[];
  /** Sum of the changes, each in units of the range of its feature in training. */
  distance: number;
  pValue: number;
}

/** Steps between a feature's value and the one it moves to, tried at once; twice gives the square of it. */
const REFINE_STEPS = 16;
const REFINE_ROUNDS = 2;
/** Sets of features whose grid point is refined: the nearest on the grid need not be the nearest in the end. */
const REFINED_STARTS = 4;

/**
 * The smallest change that makes a row normal (p > `alertRate`): of as few features as possible, and among those the
 * nearest found, by the sum of changes in units of the features' ranges (Wachter, Mittelstadt & Russell 2017, with sparsity
 * first). New values lie within what was observed in training; a feature that was not observed in the row stays so, since
 * nobody can observe it afterwards. Looks at a grid of values, coarser the more features change, then moves each change
 * back as far as it goes: deterministic, and optimal up to the grid. `null`: no such change was found.
 *
 * `pValues` gives the p-value of each row.
 */
export async function findCounterfactual(
  row: Float32Array,
  distribution: TrainingDistribution,
  pValues: Evaluate,
  alertRate: number,
): Promise<Counterfactual | null> {
  const changeable = Array.from(row.keys()).filter(
    (feature) => !Number.isNaN(row[feature]) && !Number.isNaN(distribution.quantile(feature, 0.5)),
  );
  for (let size = 1; size <= changeable.length; size++) {
    const search = { row, distribution, pValues, alertRate };
    const starts = await nearestNormals(search, subsets(changeable, size));
    let best: Counterfactual | null = null;
    for (const start of starts.slice(0, REFINED_STARTS)) {
      const found = await refined(search, start);
      if (best === null || found.distance < best.distance) best = found;
    }
    if (best !== null) return best;
  }
  return null;
}

interface Search {
  row: Float32Array;
  distribution: TrainingDistribution;
  pValues: Evaluate;
  alertRate: number;
}

function subsets(items: readonly number[], size: number): number[][] {
  if (size === 0) return [[]];
  return items.flatMap((item, index) => subsets(items.slice(index + 1), size - 1).map((rest) => [item, ...rest]));
}

/** Rows in which exactly these features have other values. */
function changedRows(row: Float32Array, features: readonly number[], distribution: TrainingDistribution) {
  let changed = [row];
  for (const feature of features) {
    const levels = levelsOf(row[feature]!, feature, features.length, distribution);
    changed = changed.flatMap((base) =>
      levels.map((level) => {
        const next = base.slice();
        next[feature] = level;
        return next;
      }),
    );
  }
  return changed;
}

/** Values to try, in the precision of a row. All quantiles for up to two features, fewer where many features multiply. */
function levelsOf(value: number, feature: number, changes: number, distribution: TrainingDistribution): number[] {
  const { lowest, highest } = distribution.range(feature);
  const nearestObserved = Math.min(Math.max(value, lowest), highest);
  const median = distribution.quantile(feature, 0.5);
  const quartiles = [distribution.quantile(feature, 0.25), distribution.quantile(feature, 0.75)];
  const tried = changes <= 2 ? distribution.levels(feature) : changes === 3 ? [...quartiles, median] : [median];
  const levels = new Set([nearestObserved, ...tried].map(Math.fround));
  levels.delete(value);
  return [...levels];
}

/** Of each set of features the nearest normal row on the grid, nearest first. */
async function nearestNormals(search: Search, sets: readonly (readonly number[])[]): Promise<Float32Array[]> {
  const { row, distribution, pValues, alertRate } = search;
  const candidates = sets.flatMap((features, set) =>
    changedRows(row, features, distribution).map((changed) => ({ set, changed })),
  );
  const outputs = await evaluated(
    candidates.map(({ changed }) => changed),
    pValues,
  );
  const nearest = new Map<number, { changed: Float32Array; distance: number }>();
  for (const [index, { set, changed }] of candidates.entries()) {
    if (!(outputs[index]! > alertRate)) continue;
    const distance = distanceBetween(row, changed, distribution);
    if (distance < (nearest.get(set)?.distance ?? Number.POSITIVE_INFINITY)) nearest.set(set, { changed, distance });
  }
  return [...nearest.values()].sort((left, right) => left.distance - right.distance).map(({ changed }) => changed);
}

/** Moves one change after the other, the largest first, back towards the row while it stays normal. */
async function refined(search: Search, start: Float32Array): Promise<Counterfactual> {
  const { row, distribution, pValues, alertRate } = search;
  const scaled = (feature: number) => Math.abs(start[feature]! - row[feature]!) / distribution.scale(feature);
  let best = start;
  for (const feature of changedFeatures(row, start).sort((left, right) => scaled(right) - scaled(left))) {
    const { lowest, highest } = distribution.range(feature);
    let from = Math.min(Math.max(row[feature]!, lowest), highest);
    for (let round = 0; round < REFINE_ROUNDS; round++) {
      const steps = stepsBetween(best, feature, from).filter((step) => step[feature] !== row[feature]);
      const outputs = await evaluated(steps, pValues);
      const first = steps.findIndex((_, index) => outputs[index]! > alertRate);
      const lastAlarm = steps.at(first < 0 ? -1 : first - 1);
      if (first >= 0) best = steps[first]!;
      if (first === 0 || lastAlarm === undefined) break;
      from = lastAlarm[feature]!;
    }
  }
  const [pValue] = Array.from(await pValues(best, 1));
  const changes = changedFeatures(row, best).map((feature) => ({ feature, from: row[feature]!, to: best[feature]! }));
  return { changes, distance: distanceBetween(row, best, distribution), pValue: pValue! };
}

/** Rows on the way from a value of a feature to the one it has, the first included, the last not. */
function stepsBetween(row: Float32Array, feature: number, from: number): Float32Array[] {
  return Array.from({ length: REFINE_STEPS }, (_, step) => {
    const next = row.slice();
    next[feature] = from + ((row[feature]! - from) * step) / REFINE_STEPS;
    return next;
  });
}

async function evaluated(rows: readonly Float32Array[], pValues: Evaluate): Promise<ArrayLike<number>> {
  if (rows.length === 0) return [];
  const columns = rows[0]!.length;
  const values = new Float32Array(rows.length * columns);
  for (const [index, row] of rows.entries()) values.set(row, index * columns);
  return pValues(values, rows.length);
}

const changedFeatures = (row: Float32Array, other: Float32Array): number[] =>
  Array.from(row.keys()).filter(
    (feature) => !Object.is(row[feature], other[feature]) && row[feature] !== other[feature],
  );

function distanceBetween(row: Float32Array, other: Float32Array, distribution: TrainingDistribution): number {
  return changedFeatures(row, other).reduce(
    (sum, feature) => sum + Math.abs(other[feature]! - row[feature]!) / distribution.scale(feature),
    0,
  );
}
