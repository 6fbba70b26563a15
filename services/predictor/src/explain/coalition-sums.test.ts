import { Random } from '@liminal/shared/runtime/random';
import { CoalitionRows } from '@liminal/shared/shapley/coalition-rows';
import { normalBackground, randomTree, toEnsemble } from '@liminal/shared/shapley/testing/random-trees';
import { ensembleValue } from '@liminal/shared/shapley/tree-ensemble';
import { describe, expect, it } from 'vitest';
import { CoalitionSums } from './coalition-sums.ts';

const COLUMNS = 6;

describe('sums over trees for all rows of a set of coalitions', () => {
  it('are what each row gives by itself', () => {
    const random = new Random(12);
    const features = Array.from({ length: COLUMNS }, (_, feature) => feature);
    const trees = toEnsemble(
      Array.from({ length: 15 }, () => randomTree(random, features, 7)),
      COLUMNS,
    );
    const background = normalBackground(random, 8, COLUMNS);
    const row = Float32Array.from({ length: COLUMNS }, () => random.normal());
    // Some features are the same in both, some not observed on one side or on both.
    row[1] = background.values[1]!;
    row[2] = Number.NaN;
    background.values[2] = Number.NaN;
    background.values[COLUMNS] = Number.NaN;
    background.values.set(row, 3 * COLUMNS);
    const filled = (values: Float32Array) => values.map((value) => (Number.isNaN(value) ? 0.25 : value));

    const coalitions = new CoalitionRows(row, background);
    const sums = new CoalitionSums(trees, filled).of(coalitions);
    expect(coalitions.count).toBeLessThan(1 + 8 * 63);
    expect(sums).toHaveLength(coalitions.count);
    for (const [index, sum] of sums.entries()) {
      const alone = filled(coalitions.rows.subarray(index * COLUMNS, (index + 1) * COLUMNS));
      expect(sum).toBeCloseTo(ensembleValue(trees, alone), 9);
    }
    expect(new Set(sums).size).toBeGreaterThan(50);
  });
});
