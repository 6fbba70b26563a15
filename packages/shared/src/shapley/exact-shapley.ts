import { bitCount } from './bit-count.ts';

/**
 * Shapley values of a game (Shapley 1953), from what each coalition is worth:
 * φ_i = Σ_{S ∌ i} |S|! (d−|S|−1)!/d! · (v(S ∪ i) − v(S)).
 *
 * `worth`: v(S) of all 2^d coalitions, bit i of the index standing for feature i.
 */
export function exactShapleyValues(worth: Float64Array): Float64Array {
  const features = Math.log2(worth.length);
  if (!Number.isInteger(features)) throw new RangeError(`${worth.length} is no number of coalitions`);
  const weights = sizeWeights(features);
  const shapValues = new Float64Array(features);
  for (let coalition = 0; coalition < worth.length; coalition++) {
    const size = bitCount(coalition);
    for (let feature = 0; feature < features; feature++) {
      const isIn = (coalition >> feature) & 1;
      // As the last to join S it adds, as the first to be missing it takes away.
      if (isIn === 1) shapValues[feature]! += weights[size - 1]! * worth[coalition]!;
      else shapValues[feature]! -= weights[size]! * worth[coalition]!;
    }
  }
  return shapValues;
}

/** |S|! (d−|S|−1)!/d! by |S| = 1/(d · C(d−1, |S|)). */
function sizeWeights(features: number): Float64Array {
  const weights = new Float64Array(features);
  let binomial = 1;
  for (let size = 0; size < features; size++) {
    weights[size] = 1 / (features * binomial);
    binomial = (binomial * (features - 1 - size)) / (size + 1);
  }
  return weights;
}
