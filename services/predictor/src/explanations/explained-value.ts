import type { Quantity } from '@liminal/shared/contracts/explanation';
import { FEATURE_COUNT, PREDICTED_USER_LOAD } from '@liminal/shared/contracts/feature-vector';
import type { ModelName } from '@liminal/shared/contracts/prediction';
import type { OpenRelease, ScoredVector } from '@liminal/shared/release/open-release';
import type { CoalitionRows } from '@liminal/shared/shapley/coalition-rows';
import type { CoalitionSums } from '../explain/coalition-sums.ts';
import { COMBINED, type Target } from './explanation-task.ts';

/** Rows of one run of a model: larger ones no longer fit the caches, and nearest neighbours then take three times as long. */
const ROWS_PER_RUN = 512;

/** What of a model is computed. */
const SCORES = { pValues: false };
const P_VALUES = { pValues: true };

type Scores = ScoredVector['scores'];

/** log2(score) of a forest as a sum over its trees. */
export interface ForestSums {
  name: ModelName;
  sums: CoalitionSums;
}

/**
 * A value of a release as a function of the seven features of a vector. What else models take of it, its load history and
 * time, stays as it is. In coalitions it goes with `predicted_user_load`, the forecast that is made from it: without that
 * feature, models that take nothing else do not apply. They alone may make a vector anomalous, and no feature would.
 */
export class ExplainedValue {
  readonly #release: OpenRelease;
  readonly #target: Target;
  readonly #inputs: Float32Array;
  readonly #forest: ForestSums | undefined;
  readonly #scores: Scores;

  /** `inputs`: see `modelInputs`, `predicted_user_load` filled in; `scores`: what the release says of them. */
  constructor(
    release: OpenRelease,
    target: Target,
    { inputs, scores }: { inputs: Float32Array; scores: Scores },
    forest: ForestSums | undefined,
  ) {
    this.#release = release;
    this.#target = target;
    this.#inputs = inputs;
    this.#scores = scores;
    this.#forest = forest;
  }

  /** `rows`: features, row-major float32 [count, 7], NaN = not observed. */
  async evaluate(quantity: Quantity, rows: Float32Array, count: number): Promise<Float64Array> {
    if (quantity === 'minus_log10_p') return (await this.pValues(rows, count)).map(minusLog10);
    const { scores } = await this.#run(this.#target as ModelName, rows, count, SCORES);
    return Float64Array.from(scores, quantity === 'score' ? undefined : Math.log2);
  }

  async pValues(rows: Float32Array, count: number): Promise<Float64Array> {
    const { combination } = this.#release.manifest;
    if (this.#target !== COMBINED)
      return Float64Array.from((await this.#run(this.#target, rows, count, P_VALUES)).pValues);
    if (combination.method === 'single') {
      return Float64Array.from((await this.#run(combination.model, rows, count, P_VALUES)).pValues);
    }
    const columns: Float32Array[] = [];
    for (const name of combination.models) columns.push((await this.#run(name, rows, count, SCORES)).scores);
    return this.#combined(columns, count);
  }

  /** The same for the rows of coalitions, a forest among the models by its trees. */
  async evaluateCoalitions(quantity: Quantity, coalitions: CoalitionRows): Promise<Float64Array> {
    const { rows, count } = coalitions;
    const { combination } = this.#release.manifest;
    if (this.#target !== COMBINED || combination.method === 'single') return this.evaluate(quantity, rows, count);
    const columns: Float32Array[] = [];
    for (const name of combination.models) columns.push(await this.#scoresOfCoalitions(name, coalitions));
    return this.#combined(columns, count).map(minusLog10);
  }

  async #scoresOfCoalitions(name: ModelName, coalitions: CoalitionRows): Promise<Float32Array> {
    if (name === this.#forest?.name) return Float32Array.from(this.#forest.sums.of(coalitions), (log2) => 2 ** log2);
    const { scores } = await this.#run(name, coalitions.rows, coalitions.count, SCORES);
    if (takesFeatures(this.#release, name)) return scores;
    const isPresent = coalitions.presence(PREDICTED_USER_LOAD);
    return scores.map((score, row) => (isPresent[row] ? score : Number.NaN));
  }

  #combined(columns: readonly Float32Array[], count: number): Float64Array {
    const scores = new Float32Array(columns.length);
    return Float64Array.from({ length: count }, (_, row) => {
      for (let model = 0; model < columns.length; model++) scores[model] = columns[model]![row]!;
      return this.#release.combine(scores);
    });
  }

  async #run(name: ModelName, rows: Float32Array, count: number, wanted: { pValues: boolean }) {
    const outputs = { scores: new Float32Array(count), pValues: new Float32Array(count) };
    if (!takesFeatures(this.#release, name)) {
      outputs.scores.fill(this.#scores[name]?.score ?? Number.NaN);
      outputs.pValues.fill(this.#scores[name]?.pValue ?? Number.NaN);
      return outputs;
    }
    const { input } = this.#release.manifest.models.find((model) => model.name === name)!;
    for (let start = 0; start < count; start += ROWS_PER_RUN) {
      const end = Math.min(start + ROWS_PER_RUN, count);
      const some = rows.subarray(start * FEATURE_COUNT, end * FEATURE_COUNT);
      const { scores, pValues } = await this.#release.run(name, this.#inputsOf(some, input), end - start, wanted);
      outputs.scores.set(scores, start);
      outputs.pValues.set(pValues, start);
    }
    return outputs;
  }

  /** What a model takes of rows of features: these alone, or with what else it takes of the vector. */
  #inputsOf(rows: Float32Array, { offset, length }: { offset: number; length: number }): Float32Array {
    if (offset === 0 && length === FEATURE_COUNT) return rows;
    const count = rows.length / FEATURE_COUNT;
    const inputs = new Float32Array(count * length);
    for (let row = 0; row < count; row++) {
      inputs.set(this.#inputs.subarray(offset, offset + length), row * length);
      const features = rows.subarray(
        row * FEATURE_COUNT + offset,
        row * FEATURE_COUNT + Math.min(offset + length, FEATURE_COUNT),
      );
      inputs.set(features, row * length);
    }
    return inputs;
  }
}

export function takesFeatures({ manifest }: OpenRelease, name: ModelName): boolean {
  return manifest.models.some((model) => model.name === name && model.input.offset < FEATURE_COUNT);
}

/** Bits of the features that stand for what else the models take of a vector, see `CoalitionRows`. */
export const ACCOMPANIED = 1 << PREDICTED_USER_LOAD;

/** The value as `score` of the release gave it; NaN where the model does not apply to the vector. */
export function servedValue(
  { scores, pValue }: Pick<ScoredVector, 'scores' | 'pValue'>,
  target: Target,
  quantity: Quantity,
): number {
  const { score, pValue: own } =
    target === COMBINED ? { score: Number.NaN, pValue } : (scores[target] ?? { score: Number.NaN, pValue: Number.NaN });
  if (quantity === 'minus_log10_p') return minusLog10(own);
  return quantity === 'score' ? score : Math.log2(score);
}

/** Not −0 for p = 1. */
const minusLog10 = (pValue: number): number => 0 - Math.log10(pValue);
