import { type Matrix, rowRange, takeRows } from '@liminal/kenning/detectors/matrix';
import { auroc } from '@liminal/kenning/evaluation/ranking';
import { splitRows } from '@liminal/kenning/pipelines/split-rows';
import { DEFAULT_RELEASE_TRAINING } from '@liminal/kenning/pipelines/train-release-models';
import { chosenModels, DEFAULT_MODEL_OPTIONS, modelSeed } from '@liminal/kenning/pipelines/trainable-models';
import { Combination } from '@liminal/shared/calibration/combination';
import { tailScale } from '@liminal/shared/calibration/tail-scale';
import type { ModelName } from '@liminal/shared/contracts/prediction';
import { Random } from '@liminal/shared/runtime/random';
import { type LabelledRows, type Protocol, positionsOf, resized, standardisedBy, subsampled } from './labelled-sets.ts';

const MODELS = chosenModels(DEFAULT_MODEL_OPTIONS);
export const MODEL_NAMES: readonly ModelName[] = MODELS.map(({ model }) => model.name);
export const COMBINED = 'combined';
/** Rows that the tail scale is taken from, as in a training. */
const TAIL_ROWS = 2_000;

/** AUROC, %, by model and of the combination. */
export type Aurocs = Record<string, number>;

/** Scores of each model, in the order of `MODEL_NAMES`, for each of `scored`. */
async function fitAndScore(training: Matrix, scored: readonly Matrix[], seed: number): Promise<Float32Array[][]> {
  const byModel: Float32Array[][] = [];
  for (const { model, options } of MODELS) {
    const scoresOf = await model.fitScorer(training, options, { seed: modelSeed(seed, model.name) });
    byModel.push(scored.map((rows) => Float32Array.from(scoresOf(rows))));
  }
  return byModel;
}

/** One run of a protocol: AUROC of each model and of the combination. */
export const RUNS: Record<Protocol, (all: LabelledRows, seed: number) => Promise<Aurocs>> = {
  /** Fit on all rows, score all rows; the combination ranks each row among all. */
  async unsup(all, seed) {
    const { rows, isAnomaly } = resized(all, new Random(seed));
    const [scaled] = standardisedBy(rows);
    const scores = (await fitAndScore(scaled!, [scaled!], seed)).map(([own]) => own!);
    const combination = combinationOf(scores, scores);
    return aurocsOf(scores, combined(combination, scores).ranking, isAnomaly);
  },

  /**
   * Fit on the first half of the normals, test on the rest and all anomalies. Each model by itself is fitted on the whole
   * half; for the combination the half is split into training and calibration rows, as a release does it.
   */
  async semi(all, seed) {
    const random = new Random(seed);
    const { rows, isAnomaly } = resized(all, random);
    const normals = positionsOf(isAnomaly, 0);
    const half = normals.subarray(0, normals.length >> 1);
    const rest = [...normals.subarray(normals.length >> 1), ...positionsOf(isAnomaly, 1)];
    const tested = Uint8Array.from(rest, (row) => isAnomaly[row]!);
    const [train, test] = standardisedBy(takeRows(rows, half), takeRows(rows, Int32Array.from(rest)));
    const single = (await fitAndScore(train!, [test!], seed)).map(([scores]) => scores!);
    const { combination, testScores } = await calibrated(train!, test!, seed, random);
    return aurocsOf(single, combined(combination, testScores).ranking, tested);
  },
};

export interface AlarmRun {
  calibrationRows: number;
  testedRows: number;
  /** p-values of the fresh rows, by model and of the combination. */
  pValues: Record<string, ArrayLike<number>>;
}

/** Normal rows split at random into those of a release and fresh ones. Without bootstrap: a copy of a row is not fresh. */
export async function alarmRun(all: LabelledRows, seed: number): Promise<AlarmRun> {
  const random = new Random(seed);
  const { rows, isAnomaly } = subsampled(all, random);
  const normals = positionsOf(isAnomaly, 0);
  const shuffled = random.sample(normals.length, normals.length).map((place) => normals[place]!);
  const middle = normals.length >> 1;
  const [train, fresh] = standardisedBy(
    takeRows(rows, shuffled.subarray(0, middle)),
    takeRows(rows, shuffled.subarray(middle)),
  );
  const { combination, calibrationScores, testScores } = await calibrated(train!, fresh!, seed, random);
  const pValues: Record<string, ArrayLike<number>> = { [COMBINED]: combined(combination, testScores).pValues };
  for (const [index, name] of MODEL_NAMES.entries()) {
    const alone = combinationOf([calibrationScores[index]!], [calibrationScores[index]!]);
    // Of one model the combined p-value is its split-conformal one.
    pValues[name] = combined(alone, [testScores[index]!]).pValues;
  }
  return { calibrationRows: combination.rows, testedRows: fresh!.rows, pValues };
}

async function calibrated(rows: Matrix, tested: Matrix, seed: number, random: Random) {
  const { training, calibration } = splitRows(rows, DEFAULT_RELEASE_TRAINING, random);
  const tailRows = rowRange(training, 0, Math.min(training.rows, TAIL_ROWS));
  const scores = await fitAndScore(training, [calibration, tested, tailRows], seed);
  const calibrationScores = scores.map(([own]) => own!);
  const trainingScores = scores.map(([, , own]) => own!);
  const combination = combinationOf(calibrationScores, trainingScores);
  return { combination, calibrationScores, testScores: scores.map(([, own]) => own!) };
}

function combinationOf(
  calibrationScores: readonly Float32Array[],
  trainingScores: readonly Float32Array[],
): Combination {
  return new Combination({
    models: MODEL_NAMES.slice(0, calibrationScores.length),
    tailScales: Float32Array.from(trainingScores, tailScale),
    scores: Float32Array.from(calibrationScores.flatMap((scores) => [...scores])),
  });
}

function combined(combination: Combination, scores: readonly Float32Array[]) {
  const rows = scores[0]!.length;
  const pValues = new Float64Array(rows);
  /** Higher = more anomalous. */
  const ranking = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const { pValue, tailPValue } = combination.combine(scores.map((column) => column[row]!));
    pValues[row] = pValue;
    ranking[row] = -Math.log(tailPValue);
  }
  return { pValues, ranking };
}

function aurocsOf(scores: readonly Float32Array[], ranking: Float64Array, isAnomaly: Uint8Array): Aurocs {
  const percent = (ofRows: ArrayLike<number>): number => 100 * auroc({ scores: ofRows, labels: isAnomaly });
  const aurocs: Aurocs = { [COMBINED]: percent(ranking) };
  for (const [index, name] of MODEL_NAMES.entries()) aurocs[name] = percent(scores[index]!);
  return aurocs;
}
