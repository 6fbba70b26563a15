import { describe, expect, it } from 'vitest';
import shapleyGolden from '../../test/goldens/shapley.golden.json' with { type: 'json' };
import treeGolden from '../../test/goldens/tree-shap.golden.json' with { type: 'json' };
import type { Attribution } from './attribution.ts';
import { shapleyValues } from './shapley-values.ts';
import { type NestedTree, toEnsemble } from './testing/random-trees.ts';
import { ensembleValue } from './tree-ensemble.ts';
import { InterventionalTreeShap } from './tree-shap-interventional.ts';
import { PathDependentTreeShap } from './tree-shap-path-dependent.ts';

interface Expected {
  baseValue: number;
  shapValues: number[];
}

function expectSame(found: Attribution, { baseValue, shapValues }: Expected): void {
  expect(found.baseValue).toBeCloseTo(baseValue, 9);
  expect(found.shapValues).toHaveLength(shapValues.length);
  for (const [feature, share] of shapValues.entries()) expect(found.shapValues[feature]).toBeCloseTo(share, 9);
}

const asRow = (values: readonly (number | null)[]): Float32Array =>
  Float32Array.from(values, (value) => value ?? Number.NaN);

describe('TreeSHAP equals the enumeration of its definition', () => {
  for (const { columns, trees, background, cases } of treeGolden.forests) {
    const ensemble = toEnsemble(trees as NestedTree[], columns);
    const rows = { values: asRow(background.flat()), rows: background.length, columns };
    it.each(cases.entries().toArray())(`${trees.length} trees over ${columns} features, row %i`, (_, golden) => {
      const row = asRow(golden.row);
      expect(ensembleValue(ensemble, row)).toBeCloseTo(golden.value, 9);
      expectSame(new PathDependentTreeShap(ensemble).explain(row), golden.pathDependent);
      expectSame(new InterventionalTreeShap(ensemble).explain(row, rows), golden.interventional);
    });
  }
});

describe('Shapley values of any model equal the enumeration of their definition', () => {
  for (const { columns, background, cases } of shapleyGolden.games) {
    const rows = { values: asRow(background.flat()), rows: background.length, columns };
    it.each(cases.entries().toArray())(`${columns} features, row %i`, async (_, { row, ...golden }) => {
      expectSame(await shapleyValues(asRow(row), rows, async (values) => wavy(values, columns), 1), golden);
    });
  }
});

/** The model of the goldens. */
function wavy(values: Float32Array, columns: number): Float64Array {
  return Float64Array.from({ length: values.length / columns }, (_, index) => {
    const x = Array.from(values.subarray(index * columns, (index + 1) * columns), (value) =>
      Number.isNaN(value) ? -1 : value,
    );
    const linear = x.reduce((sum, value, feature) => sum + (feature + 1) * value, 0);
    return linear + x[0]! * x[1]! + Math.sin(x.at(-1)! * x[1]!) + Math.abs(x[2]! - x[0]!);
  });
}
