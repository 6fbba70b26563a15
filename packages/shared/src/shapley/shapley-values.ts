import type { Attribution } from './attribution.ts';
import type { Background, Evaluate } from './background.ts';
import { CoalitionRows } from './coalition-rows.ts';
import { exactShapleyValues } from './exact-shapley.ts';
import { kernelShapValues } from './kernel-shap.ts';

/** Above this many features their 2^d coalitions are sampled instead of enumerated. */
export const MAX_ENUMERATED_FEATURES = 12;
const SAMPLED_PAIRS = 1_024;

export interface ModelAttribution extends Attribution {
  /** The value explained, as the same run of the model gave it. */
  value: number;
  /** One a feature; null where every coalition was looked at. */
  standardErrors: Float64Array | null;
}

/**
 * Shapley values of any model against background rows (interventional, Lundberg & Lee 2017): exact up to 12 features,
 * sampled with standard errors above.
 *
 * `evaluateCoalitions`: for a model that has a quicker way to all rows of a set of coalitions than one by one, or takes more
 * than the features; `accompanied`: the features that the rest goes with, see `CoalitionRows`.
 */
export async function shapleyValues(
  row: Float32Array,
  background: Background,
  evaluate: Evaluate,
  seed: number,
  evaluateCoalitions = ({ rows, count }: CoalitionRows) => evaluate(rows, count),
  accompanied = 0,
): Promise<ModelAttribution> {
  if (row.length > MAX_ENUMERATED_FEATURES) {
    const [value] = Array.from(await evaluate(row, 1));
    return { value: value!, ...(await kernelShapValues(row, background, evaluate, { pairs: SAMPLED_PAIRS, seed })) };
  }
  const coalitions = new CoalitionRows(row, background, accompanied);
  const outputs = await evaluateCoalitions(coalitions);
  const worth = coalitions.worth(outputs);
  return { value: outputs[0]!, baseValue: worth[0]!, shapValues: exactShapleyValues(worth), standardErrors: null };
}
