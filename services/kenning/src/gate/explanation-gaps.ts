import { FEATURE_COUNT, PREDICTED_USER_LOAD } from '@liminal/shared/contracts/feature-vector';
import { MODEL_INPUT_LENGTH } from '@liminal/shared/contracts/model-input';
import type { LoadedRelease } from '@liminal/shared/release/load-release';
import type { OpenRelease, ScoredVector } from '@liminal/shared/release/open-release';
import { additivityGap } from '@liminal/shared/shapley/attribution';
import type { Background } from '@liminal/shared/shapley/background';
import { readForest } from '@liminal/shared/shapley/forest-file';
import { shapleyValues } from '@liminal/shared/shapley/shapley-values';
import { InterventionalTreeShap } from '@liminal/shared/shapley/tree-shap-interventional';
import { PathDependentTreeShap } from '@liminal/shared/shapley/tree-shap-path-dependent';
import { createMatrix } from '../detectors/matrix.ts';
import { imputeMissing } from '../detectors/median-imputation.ts';

/**
 * What base value + sum of SHAP values miss of the value that the release serves, relative to it (absolute where it is
 * below 1): the largest of the rows.
 */
export interface ExplanationGaps {
  /** Of log2(score) of the forest, by TreeSHAP, both kinds; null for a release without a forest. */
  forest: number | null;
  /** Of −log10 of the combined p-value. */
  combined: number;
}

const FOREST = 'isolation-forest';
/** Explanations have to add up whatever the number; with these up to 509 rows are scored for each. */
const BACKGROUND_ROWS = 4;
/** For the sampling that more than 12 features would need. */
const SEED = 1;

/** Explains each of `rows`, row-major [n, `MODEL_INPUT_LENGTH`]. Throws `NotAForestError` on a forest it can't read. */
export async function explanationGaps(
  { files, manifest, background: values }: LoadedRelease,
  release: OpenRelease,
  rows: Float32Array,
): Promise<ExplanationGaps> {
  const background = createMatrix(values.subarray(0, BACKGROUND_ROWS * FEATURE_COUNT), FEATURE_COUNT);
  const forest = manifest.models.find(({ name }) => name === FOREST);
  const forestGap = forest && treeGap(files.get(FOREST)!, forest.outputs.score, background);
  const scored = await release.score(rows, rows.length / MODEL_INPUT_LENGTH);
  const gaps: ExplanationGaps = { forest: forestGap ? 0 : null, combined: 0 };
  for (const [row, served] of scored.entries()) {
    const inputs = rows.slice(row * MODEL_INPUT_LENGTH, (row + 1) * MODEL_INPUT_LENGTH);
    inputs[PREDICTED_USER_LOAD] = served.predictedLoad;
    if (forestGap) gaps.forest = Math.max(gaps.forest!, forestGap(inputs, served));
    gaps.combined = Math.max(gaps.combined, await combinedGap(release, inputs, served, background));
  }
  return gaps;
}

function treeGap(file: Uint8Array, scoreOutput: string, background: Background) {
  const { trees, medians } = readForest(file, scoreOutput);
  const pathDependent = new PathDependentTreeShap(trees);
  const interventional = new InterventionalTreeShap(trees);
  const filledBackground = imputeMissing(background, medians);
  return (inputs: Float32Array, { scores }: ScoredVector): number => {
    const filled = imputeMissing(createMatrix(inputs.slice(0, FEATURE_COUNT), FEATURE_COUNT), medians).values;
    const value = Math.log2(scores[FOREST]!.score);
    const attributions = [pathDependent.explain(filled), interventional.explain(filled, filledBackground)];
    return Math.max(...attributions.map((attribution) => additivityGap(attribution, value)));
  };
}

/** What a model takes beside the features, load history and time, stays as it is in the row. */
async function combinedGap(
  release: OpenRelease,
  inputs: Float32Array,
  served: ScoredVector,
  background: Background,
): Promise<number> {
  const evaluate = async (rows: Float32Array, count: number): Promise<Float64Array> => {
    const vectors = new Float32Array(count * MODEL_INPUT_LENGTH);
    for (let row = 0; row < count; row++) {
      vectors.set(inputs, row * MODEL_INPUT_LENGTH);
      vectors.set(rows.subarray(row * FEATURE_COUNT, (row + 1) * FEATURE_COUNT), row * MODEL_INPUT_LENGTH);
    }
    return Float64Array.from(await release.score(vectors, count), minusLog10);
  };
  const attribution = await shapleyValues(inputs.slice(0, FEATURE_COUNT), background, evaluate, SEED);
  return additivityGap(attribution, minusLog10(served));
}

const minusLog10 = ({ pValue }: ScoredVector): number => -Math.log10(pValue);
