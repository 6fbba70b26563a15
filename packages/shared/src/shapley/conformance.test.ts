import { describe, expect, it } from 'vitest';
import { Random } from '../runtime/random.ts';
import { type Attribution, additivityGap } from './attribution.ts';
import type { Background, Evaluate } from './background.ts';
import { kernelShapValues } from './kernel-shap.ts';
import { shapleyValues } from './shapley-values.ts';
import { type NestedTree, normalBackground, randomTree, toEnsemble } from './testing/random-trees.ts';
import { ensembleValue, type TreeEnsemble } from './tree-ensemble.ts';
import { InterventionalTreeShap } from './tree-shap-interventional.ts';
import { PathDependentTreeShap } from './tree-shap-path-dependent.ts';

/** A model in both of its forms: nested, to be changed by a test, and flat, to be run. */
interface Model {
  trees: readonly NestedTree[];
  ensemble: TreeEnsemble;
}

const modelOf = (trees: readonly NestedTree[]): Model => ({ trees, ensemble: toEnsemble(trees, COLUMNS) });

interface Explainer {
  name: string;
  /** What the axioms may be missed by. */
  tolerance: number;
  explain(model: Model, row: Float32Array, background: Background): Promise<Attribution> | Attribution;
}

const COLUMNS = 5;

/** What every explainer must do, whatever it explains. A new one joins by one line in the list at the end. */
function conforms({ name, tolerance, explain }: Explainer): void {
  describe(`explainer ${name}`, () => {
    const random = new Random(5);
    const background = normalBackground(random, 9, COLUMNS);
    const all = [0, 1, 2, 3, 4];
    const model = modelOf(randomTrees(random, all, 12));
    const row = Float32Array.from(all, () => 2 * random.normal());

    it('is additive: base value + shares = the value explained', async () => {
      const attribution = await explain(model, row, background);
      expect(additivityGap(attribution, modelValue(model, row))).toBeLessThan(1e-9);
      expect(Math.max(...attribution.shapValues)).toBeGreaterThan(0.1);
    });

    it('gives 0 to a feature that the model does not look at', async () => {
      const blind = modelOf(randomTrees(random, [0, 1, 3, 4], 12));
      const { shapValues } = await explain(blind, row, background);
      expect(Math.abs(shapValues[2]!)).toBeLessThanOrEqual(tolerance);
      expect(Math.abs(shapValues[0]!)).toBeGreaterThan(0.01);
    });

    it('gives two features that play the same part the same share', async () => {
      const trees = randomTrees(random, [0, 1, 2, 3], 8);
      const twins = modelOf([...trees, ...trees.map((tree) => renamed(tree, [1, 0, 2, 3, 4]))]);
      const equal = { ...background, values: background.values.slice() };
      for (let index = 0; index < equal.rows; index++)
        equal.values[index * COLUMNS + 1] = equal.values[index * COLUMNS]!;
      const { shapValues } = await explain(twins, Float32Array.of(1.5, 1.5, -1, 0.3, 0), equal);
      expect(Math.abs(shapValues[0]! - shapValues[1]!)).toBeLessThanOrEqual(tolerance);
      expect(Math.abs(shapValues[0]!)).toBeGreaterThan(0.01);
    });

    it('has the closed form of a sum of functions of one feature each: its value minus its mean', async () => {
      const cover = background.rows;
      const trees = all.map((feature): NestedTree => {
        const column = all.map((_, index) => background.values[index * COLUMNS + feature]!);
        const threshold = column.toSorted((left, right) => left - right)[2]!;
        const below = countBelow(background, feature, threshold);
        return {
          feature,
          threshold,
          left: { weight: feature + 1, cover: below },
          right: { weight: -feature, cover: cover - below },
          cover,
        };
      });
      const { shapValues } = await explain(modelOf(trees), row, background);
      for (const [feature, tree] of trees.entries()) {
        const own = modelOf([tree]);
        const mean = meanOf(background, (reference) => modelValue(own, reference));
        expect(Math.abs(shapValues[feature]! - (modelValue(own, row) - mean))).toBeLessThanOrEqual(tolerance + 1e-9);
      }
    });

    it('does not depend on the order of the features', async () => {
      const order = [3, 0, 4, 1, 2];
      const place = all.map((feature) => order.indexOf(feature));
      const permuted = await explain(
        modelOf(model.trees.map((tree) => renamed(tree, place))),
        Float32Array.from(order, (feature) => row[feature]!),
        {
          ...background,
          values: Float32Array.from(background.values, (_, index) => permutedValue(background, order, index)),
        },
      );
      const { shapValues } = await explain(model, row, background);
      for (const [index, feature] of order.entries()) {
        expect(Math.abs(permuted.shapValues[index]! - shapValues[feature]!)).toBeLessThanOrEqual(2 * tolerance + 1e-9);
      }
    });

    it('leaves row and background as they were, and gives the same again', async () => {
      const [rowBefore, backgroundBefore] = [row.slice(), background.values.slice()];
      const first = await explain(model, row, background);
      expect(await explain(model, row, background)).toEqual(first);
      expect(row).toEqual(rowBefore);
      expect(background.values).toEqual(backgroundBefore);
    });
  });
}

/** Those that run the model itself must also take what was not observed. */
function takesMissingValues({ name, tolerance, explain }: Explainer): void {
  describe(`explainer ${name}, with values that were not observed`, () => {
    const random = new Random(8);
    const background = normalBackground(random, 9, COLUMNS);
    for (const index of [2, 7, 22]) background.values[index] = Number.NaN;
    const model = modelOf(randomTrees(random, [0, 1, 2, 3, 4], 12));
    const row = Float32Array.of(1.2, Number.NaN, Number.NaN, -2, 0.4);

    it('is additive', async () => {
      const attribution = await explain(model, row, background);
      expect(additivityGap(attribution, modelValue(model, row))).toBeLessThan(1e-9);
    });

    it('gives 0 to a feature that is missing in the row and in all of the background', async () => {
      const without = { ...background, values: background.values.slice() };
      for (let index = 0; index < without.rows; index++) without.values[index * COLUMNS + 1] = Number.NaN;
      const { shapValues } = await explain(model, row, without);
      expect(Math.abs(shapValues[1]!)).toBeLessThanOrEqual(tolerance);
    });

    it('gives a share to a feature for not having been observed', async () => {
      const { shapValues } = await explain(model, row, background);
      expect(Math.abs(shapValues[1]!) + Math.abs(shapValues[2]!)).toBeGreaterThan(0.01);
    });
  });
}

const randomTrees = (random: Random, features: readonly number[], count: number): NestedTree[] =>
  Array.from({ length: count }, () => randomTree(random, features, 6));

const modelValue = ({ ensemble }: Model, row: Float32Array): number => ensembleValue(ensemble, row);

const evaluateWith =
  (model: Model): Evaluate =>
  async (rows, count) =>
    Float64Array.from({ length: count }, (_, index) =>
      modelValue(model, rows.subarray(index * COLUMNS, (index + 1) * COLUMNS)),
    );

/** The tree with its features called by other numbers. */
function renamed(tree: NestedTree, names: readonly number[]): NestedTree {
  if ('weight' in tree) return tree;
  const [left, right] = [renamed(tree.left, names), renamed(tree.right, names)];
  return { ...tree, feature: names[tree.feature]!, left, right };
}

const permutedValue = ({ values, columns }: Background, order: readonly number[], index: number): number =>
  values[Math.floor(index / columns) * columns + order[index % columns]!]!;

function countBelow({ values, rows, columns }: Background, feature: number, threshold: number): number {
  return Array.from({ length: rows }, (_, row) => values[row * columns + feature]!).filter((v) => v <= threshold)
    .length;
}

function meanOf({ values, rows, columns }: Background, of: (row: Float32Array) => number): number {
  let sum = 0;
  for (let row = 0; row < rows; row++) sum += of(values.subarray(row * columns, (row + 1) * columns));
  return sum / rows;
}

const enumeration: Explainer = {
  name: 'enumeration of all coalitions',
  tolerance: 1e-9,
  explain: (model, row, background) => shapleyValues(row, background, evaluateWith(model), 1),
};
const sampling: Explainer = {
  name: 'paired KernelSHAP',
  // A draw: it converges to the axioms. Its own standard errors are tested beside it.
  tolerance: 0.05,
  explain: (model, row, background) =>
    kernelShapValues(row, background, evaluateWith(model), { pairs: 2_000, seed: 3 }),
};

conforms(enumeration);
conforms(sampling);
conforms({
  name: 'interventional TreeSHAP',
  tolerance: 1e-9,
  explain: ({ ensemble }, row, background) => new InterventionalTreeShap(ensemble).explain(row, background),
});
conforms({
  name: 'path-dependent TreeSHAP',
  tolerance: 1e-9,
  explain: ({ ensemble }, row) => new PathDependentTreeShap(ensemble).explain(row),
});
takesMissingValues(enumeration);
takesMissingValues(sampling);
