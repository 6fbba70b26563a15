import { Random } from '../runtime/random.ts';
import type { Attribution } from './attribution.ts';
import { type Background, backgroundRow, type Evaluate } from './background.ts';
import { choleskyFactor, choleskySolve } from './cholesky.ts';

export interface KernelShapOptions {
  /** Coalitions drawn, each with its complement. */
  pairs: number;
  seed: number;
}

export interface SampledAttribution extends Attribution {
  /** Of the draw of the coalitions, one a feature; 0 would be exact. */
  standardErrors: Float64Array;
}

/** The sums of a least squares fit: normal matrix and right side. */
interface Pair {
  /** Two rows of unknowns [features − 1] and what they should give. */
  design: [Float64Array, Float64Array];
  target: [number, number];
}

/**
 * Shapley values by sampling, for more features than can be enumerated: KernelSHAP (Lundberg & Lee 2017, Theorem 2), the
 * least squares fit of Σ_{i ∈ S} φ_i to v(S) − v(∅) under Σ φ_i = v(all) − v(∅), with coalitions drawn by the Shapley
 * kernel, sizes with probability ∝ 1/(s(d − s)), and paired with their complements (Covert & Lee 2021), which cancels most
 * of the variance. Additivity holds by the constraint. Standard errors are those of least squares with residuals that
 * belong together in pairs (Liang & Zeger 1986).
 *
 * Throws `RangeError` where the pairs are too few to tell the features apart.
 */
export async function kernelShapValues(
  row: Float32Array,
  background: Background,
  evaluate: Evaluate,
  options: KernelShapOptions,
): Promise<SampledAttribution> {
  const coalitions = drawPairs(row.length, options);
  const nothing = new Uint8Array(row.length);
  const worth = await worthOf([nothing, nothing.map(() => 1), ...coalitions], row, background, evaluate);
  const baseValue = worth[0]!;
  const total = worth[1]! - baseValue;
  const pairs: Pair[] = [];
  for (let index = 0; index < coalitions.length; index += 2) {
    const [first, second] = [coalitions[index]!, coalitions[index + 1]!];
    pairs.push({
      design: [withoutLast(first), withoutLast(second)],
      target: [
        worth[index + 2]! - baseValue - first.at(-1)! * total,
        worth[index + 3]! - baseValue - second.at(-1)! * total,
      ],
    });
  }
  return { baseValue, ...constrainedFit(pairs, row.length, total) };
}

/** One coalition after the other, each followed by its complement; 1 = in it. */
function drawPairs(features: number, { pairs, seed }: KernelShapOptions): Uint8Array[] {
  const random = new Random(seed);
  const sizes = Array.from({ length: features - 1 }, (_, index) => 1 / ((index + 1) * (features - index - 1)));
  const totalWeight = sizes.reduce((sum, weight) => sum + weight, 0);
  return Array.from({ length: pairs }).flatMap(() => {
    let rest = random.uniform(0, totalWeight);
    let size = 1;
    while (size < features - 1 && rest >= sizes[size - 1]!) rest -= sizes[size++ - 1]!;
    const coalition = new Uint8Array(features);
    for (const feature of random.sample(features, size)) coalition[feature] = 1;
    return [coalition, coalition.map((isIn) => 1 - isIn)];
  });
}

/** v(S): mean over the background rows. A coalition that is drawn again is not run again. */
async function worthOf(
  coalitions: readonly Uint8Array[],
  row: Float32Array,
  background: Background,
  evaluate: Evaluate,
): Promise<Float64Array> {
  const places = new Map<string, number>();
  const different = coalitions.filter((coalition) => {
    const name = coalition.join('');
    if (places.has(name)) return false;
    places.set(name, places.size);
    return true;
  });
  const { rows, columns } = background;
  const values = new Float32Array(different.length * rows * columns);
  for (const [index, coalition] of different.entries()) {
    for (let reference = 0; reference < rows; reference++) {
      const start = (index * rows + reference) * columns;
      values.set(backgroundRow(background, reference), start);
      for (let feature = 0; feature < columns; feature++) {
        if (coalition[feature] === 1) values[start + feature] = row[feature]!;
      }
    }
  }
  const outputs = await evaluate(values, different.length * rows);
  return Float64Array.from(coalitions, (coalition) => {
    const start = places.get(coalition.join(''))! * rows;
    let sum = 0;
    for (let reference = 0; reference < rows; reference++) sum += outputs[start + reference]!;
    return sum / rows;
  });
}

/** The constraint takes out the last feature: φ_last = total − the others. */
function withoutLast(coalition: Uint8Array): Float64Array {
  const last = coalition.at(-1)!;
  return Float64Array.from(coalition.subarray(0, -1), (isIn) => isIn - last);
}

function constrainedFit(pairs: readonly Pair[], features: number, total: number) {
  const size = features - 1;
  const normal = new Float64Array(size * size);
  const right = new Float64Array(size);
  for (const { design, target } of pairs) {
    for (const [side, unknowns] of design.entries()) {
      addOuter(normal, unknowns);
      for (let index = 0; index < size; index++) right[index]! += unknowns[index]! * target[side]!;
    }
  }
  const factor = choleskyFactor(normal, size);
  const fitted = choleskySolve(factor, right);
  const scatter = new Float64Array(size * size);
  for (const { design, target } of pairs) {
    const gradient = new Float64Array(size);
    for (const [side, unknowns] of design.entries()) {
      const residual = target[side]! - dot(unknowns, fitted);
      for (let index = 0; index < size; index++) gradient[index]! += unknowns[index]! * residual;
    }
    addOuter(scatter, gradient);
  }
  const correction = pairs.length / Math.max(pairs.length - size, 1);
  /** Variance of direction·φ = direction·N⁻¹·scatter·N⁻¹·direction. */
  const standardError = (direction: Float64Array): number => {
    const solved = choleskySolve(factor, direction);
    let variance = 0;
    for (let index = 0; index < size; index++) {
      variance += solved[index]! * dot(scatter.subarray(index * size, (index + 1) * size), solved);
    }
    return Math.sqrt(Math.max(correction * variance, 0));
  };
  const shapValues = new Float64Array(features);
  shapValues.set(fitted);
  shapValues[size] = total - fitted.reduce((sum, share) => sum + share, 0);
  const standardErrors = Float64Array.from({ length: features }, (_, feature) =>
    standardError(
      Float64Array.from({ length: size }, (__, index) => (feature === size ? -1 : Number(index === feature))),
    ),
  );
  return { shapValues, standardErrors };
}

function addOuter(matrix: Float64Array, vector: Float64Array): void {
  const size = vector.length;
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) matrix[row * size + column]! += vector[row]! * vector[column]!;
  }
}

function dot(left: Float64Array, right: Float64Array): number {
  let sum = 0;
  for (let index = 0; index < left.length; index++) sum += left[index]! * right[index]!;
  return sum;
}
