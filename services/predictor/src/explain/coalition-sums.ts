import type { CoalitionRows } from '@liminal/shared/shapley/coalition-rows';
import { LeafWalk } from '@liminal/shared/shapley/leaf-walk';
import { ensembleValue, type TreeEnsemble } from '@liminal/shared/shapley/tree-ensemble';

/**
 * The value of a sum of trees for every row of a set of coalitions, by one walk for each background row instead of one for
 * each row: a leaf counts for all coalitions that reach it at once. A third of the time of running the rows through ONNX
 * Runtime. `withoutMissing` fills in what was not observed.
 */
export class CoalitionSums {
  readonly #trees: TreeEnsemble;
  readonly #walk: LeafWalk;
  readonly #withoutMissing: (row: Float32Array) => Float32Array;

  constructor(trees: TreeEnsemble, withoutMissing: (row: Float32Array) => Float32Array) {
    this.#trees = trees;
    this.#walk = new LeafWalk(trees);
    this.#withoutMissing = withoutMissing;
  }

  /** One a row of `coalitions`. */
  of({ row, count, references }: CoalitionRows): Float64Array {
    const sums = new Float64Array(count);
    const filled = this.#withoutMissing(row);
    const byCoalition = new Float64Array(2 ** row.length);
    for (const { reference, differing, places } of references) {
      byCoalition.fill(0);
      this.#walk.visit(filled, this.#withoutMissing(reference), (weight, present, absent) => {
        const free = differing & ~(present | absent);
        for (let others = free; ; others = (others - 1) & free) {
          byCoalition[present | others]! += weight;
          if (others === 0) break;
        }
      });
      for (let coalition = 0; coalition < differing; coalition++) {
        if ((coalition & differing) === coalition) sums[places[coalition]!] = byCoalition[coalition]!;
      }
    }
    sums[0] = ensembleValue(this.#trees, filled);
    return sums;
  }
}
