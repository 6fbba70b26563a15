import { calibrate } from '@liminal/kenning/calibration/conformal';
import { isolationForest } from '@liminal/kenning/detectors/isolation-forest';
import { createMatrix } from '@liminal/kenning/detectors/matrix';
import { detectorModel } from '@liminal/kenning/onnx/detector-model';
import { isolationForestScore } from '@liminal/kenning/onnx/isolation-forest-converter';
import { FEATURE_COUNT, PREDICTED_USER_LOAD } from '@liminal/shared/contracts/feature-vector';
import type { ModelName } from '@liminal/shared/contracts/prediction';
import { OpenRelease } from '@liminal/shared/release/open-release';
import { exactShapleyValues } from '@liminal/shared/shapley/exact-shapley';
import { readForest } from '@liminal/shared/shapley/forest-file';
import { ensembleValue } from '@liminal/shared/shapley/tree-ensemble';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExplanationTask } from '../src/explanations/explanation-task.ts';
import { ReleaseExplainer } from '../src/explanations/release-explainer.ts';
import { inputsOf, type Released, released, VECTORS } from './released.ts';

const ALERT_RATE = 0.01;

let store: Released;
let release: OpenRelease;
let explainer: ReleaseExplainer;

beforeAll(async () => {
  store = await released();
  release = await OpenRelease.open(store.loaded);
  explainer = await ReleaseExplainer.open(store.loaded);
});
afterAll(async () => {
  await explainer?.close();
  await release?.close();
  await store?.[Symbol.asyncDispose]();
});

const task = (features: readonly (number | null)[], choices: Partial<ExplanationTask> = {}): ExplanationTask => ({
  inputs: inputsOf(features),
  target: 'combined',
  quantity: 'minus_log10_p',
  perturbation: 'interventional',
  methods: ['shap'],
  alertRate: ALERT_RATE,
  ...choices,
});

/**
 * Shapley values by the definition: every coalition with every background row, each run by itself through every model. The
 * load history goes with the predicted load.
 */
async function bruteForce(inputs: Float32Array, scores: Partial<Record<ModelName, { score: number }>>, rows: number) {
  const { manifest } = store.loaded;
  if (manifest.combination.method === 'single') throw new Error('the release combines several models');
  const worth = new Float64Array(2 ** FEATURE_COUNT);
  const mixed = new Float32Array(worth.length * rows * FEATURE_COUNT);
  for (let coalition = 0; coalition < worth.length; coalition++) {
    for (let reference = 0; reference < rows; reference++) {
      const start = (coalition * rows + reference) * FEATURE_COUNT;
      mixed.set(inputs.subarray(0, FEATURE_COUNT), start);
      for (let feature = 0; feature < FEATURE_COUNT; feature++) {
        if (((coalition >> feature) & 1) === 0) {
          mixed[start + feature] = store.loaded.background[reference * FEATURE_COUNT + feature]!;
        }
      }
    }
  }
  const columns: ArrayLike<number>[] = [];
  for (const name of manifest.combination.models) {
    columns.push(
      name === 'lstm'
        ? Float32Array.from({ length: worth.length * rows }, (_, index) =>
            (Math.floor(index / rows) >> PREDICTED_USER_LOAD) & 1 ? scores.lstm!.score : Number.NaN,
          )
        : (await release.run(name, mixed, worth.length * rows)).scores,
    );
  }
  for (let index = 0; index < worth.length * rows; index++) {
    const pValue = release.combine(columns.map((column) => column[index]!));
    worth[Math.floor(index / rows)]! -= Math.log10(pValue) / rows;
  }
  return { baseValue: worth[0]!, shapValues: exactShapleyValues(worth) };
}

describe('the trees that are read out of a forest', () => {
  it('add up to log2 of the score that ONNX Runtime gives', async () => {
    const { trees, medians } = readForest(store.loaded.files.get('isolation-forest')!, 'score');
    expect(trees.roots).toHaveLength(100);
    const { background } = store.loaded;
    const rows = background.length / FEATURE_COUNT;
    const { scores } = await release.run('isolation-forest', background, rows);
    for (const [row, score] of scores.entries()) {
      const features = background.slice(row * FEATURE_COUNT, (row + 1) * FEATURE_COUNT);
      const filled = features.map((value, feature) => (Number.isNaN(value) ? medians[feature]! : value));
      expect(ensembleValue(trees, filled)).toBeCloseTo(Math.log2(score), 6);
    }
    expect(background.some(Number.isNaN)).toBe(true);
  });
});

describe.each(Object.entries(VECTORS))('the explanation of a release: %s', (_, features) => {
  it('is the Shapley value of −log10 of the combined p-value, the load history held fixed', async () => {
    const { shap, scored } = await explainer.explain(task(features));
    expect(scored.scores.lstm).toBeDefined();
    expect(shap).toMatchObject({ algorithm: 'enumeration', quantity: 'minus_log10_p', backgroundRows: 8 });
    expect(shap!.value).toBe(0 - Math.log10(scored.pValue));
    const inputs = inputsOf(features);
    inputs[4] = scored.predictedLoad;
    const expected = await bruteForce(inputs, scored.scores, 8);
    expect(shap!.baseValue).toBeCloseTo(expected.baseValue, 9);
    for (const [feature, share] of expected.shapValues.entries()) {
      expect(shap!.shapValues[feature]).toBeCloseTo(share, 6);
    }
    expect(shap!.gap).toBeLessThan(1e-9);
  });

  it.each([
    ['isolation-forest', 'log2_score', 'interventional', 'tree-interventional'],
    ['isolation-forest', 'log2_score', 'path-dependent', 'tree-path-dependent'],
    ['isolation-forest', 'score', 'interventional', 'enumeration'],
    ['one-class-svm', 'score', 'interventional', 'enumeration'],
    ['autoencoder', 'score', 'interventional', 'enumeration'],
    ['autoencoder', 'minus_log10_p', 'interventional', 'enumeration'],
    ['nearest-neighbours', 'score', 'interventional', 'enumeration'],
  ] as const)('adds up to the served value of %s, %s, %s', async (target, quantity, perturbation, algorithm) => {
    const { shap, scored, value } = await explainer.explain(task(features, { target, quantity, perturbation }));
    const { score, pValue } = scored.scores[target]!;
    expect(value).toBe({ score, log2_score: Math.log2(score), minus_log10_p: 0 - Math.log10(pValue) }[quantity]);
    expect(shap!.algorithm).toBe(algorithm);
    const sum = Array.from(shap!.shapValues).reduce((total, share) => total + share, shap!.baseValue);
    expect(Math.abs(sum - value)).toBeLessThan(1e-5 * Math.max(Math.abs(value), 1));
    expect(shap!.gap).toBeLessThan(1e-5);
  });

  it('has for an anomaly of the stream few background rows, and is the same again', async () => {
    const { scored } = await explainer.explain(task(features));
    const inputs = inputsOf(features);
    inputs[4] = scored.predictedLoad;
    const [first, second] = await explainer.explainAnomalies([
      { inputs, ...scored },
      { inputs, ...scored },
    ]);
    expect(second).toEqual(first);
    const expected = await bruteForce(inputs, scored.scores, 1);
    for (const [feature, share] of expected.shapValues.entries()) {
      expect(first!.shapValues[feature]).toBeCloseTo(share, 6);
    }
    expect(first).toMatchObject({ backgroundRows: 1, value: 0 - Math.log10(scored.pValue) });
    expect(first!.gap).toBeLessThan(1e-9);
  });
});

it('gives predicted_user_load what the load history alone makes anomalous', async () => {
  const inputs = inputsOf(VECTORS.usual);
  const [scored] = await release.score(inputs, 1);
  inputs[PREDICTED_USER_LOAD] = scored!.predictedLoad;
  const { combination } = store.loaded.manifest;
  if (combination.method === 'single') throw new Error('the release combines several models');
  const scores = { ...scored!.scores, lstm: { score: 1e6, pValue: 1e-6 } };
  const pValue = release.combine(combination.models.map((name) => scores[name]!.score));
  expect(pValue).toBeLessThan(ALERT_RATE);
  const [shap] = await explainer.explainAnomalies([{ inputs, scores, pValue }]);
  const shares = Array.from(shap!.shapValues);
  expect(shares[PREDICTED_USER_LOAD]).toBeGreaterThan(0.9 * shares.reduce((sum, share) => sum + Math.abs(share), 0));
  expect(shap!.gap).toBeLessThan(1e-9);
});

describe('all methods together', () => {
  it('agree on what makes a scraper', async () => {
    const { shap, lime, agreement, counterfactual } = await explainer.explain(
      task(VECTORS.scraping, { methods: ['shap', 'lime', 'counterfactual'] }),
    );
    const strongest = [...VECTORS.scraping.keys()].sort(
      (left, right) => shap!.shapValues[right]! - shap!.shapValues[left]!,
    );
    expect([0, 4]).toContain(strongest[0]);
    expect(agreement).toBeGreaterThan(0.5);
    expect(lime!.r2).toBeGreaterThan(0.3);
    expect(lime!.stability).toBeGreaterThan(0.4);
    expect(counterfactual!.found!.pValue).toBeGreaterThan(ALERT_RATE);
    expect(counterfactual!.found!.changes.map(({ feature }) => feature)).toContain(0);
  });

  it('find nothing to change in a vector that is normal', async () => {
    const { counterfactual } = await explainer.explain(task(VECTORS.usual, { methods: ['counterfactual'] }));
    expect(counterfactual!.found).toMatchObject({ changes: [], distance: 0 });
  });

  it('say that a counterfactual is normal only as it is: the release scores it so', async () => {
    const { counterfactual, scored } = await explainer.explain(
      task(VECTORS.stolenToken, { methods: ['counterfactual'] }),
    );
    expect(scored.pValue).toBeLessThanOrEqual(ALERT_RATE);
    const changed = inputsOf(VECTORS.stolenToken);
    changed[4] = scored.predictedLoad;
    for (const { feature, to } of counterfactual!.found!.changes) changed[feature] = to;
    const [again] = await release.score(changed, 1);
    expect(again!.pValue).toBe(counterfactual!.found!.pValue);
    expect(again!.pValue).toBeGreaterThan(ALERT_RATE);
  });

  it('refuse path-dependent values of a forest that has no node counts', async () => {
    const files = new Map(store.loaded.files).set('isolation-forest', await forestWithoutNodeCounts());
    const older = await ReleaseExplainer.open({ ...store.loaded, files });
    const forest = { target: 'isolation-forest', quantity: 'log2_score' } as const;
    await expect(older.explain(task(VECTORS.usual, { ...forest, perturbation: 'path-dependent' }))).rejects.toThrow(
      'NO_NODE_COUNTS',
    );
    expect((await older.explain(task(VECTORS.usual, forest))).shap!.gap).toBeLessThan(1e-5);
    await older.close();
  });
});

/** A forest as older versions wrote it. */
async function forestWithoutNodeCounts(): Promise<Uint8Array<ArrayBuffer>> {
  const rows = createMatrix(
    Float32Array.from({ length: 40 * FEATURE_COUNT }, (_, index) => (index * 37) % 101),
    FEATURE_COUNT,
  );
  const fitted = await isolationForest.fit(rows, { nEstimators: 10, maxSamples: 32 }, { seed: 1 });
  return detectorModel({
    name: 'isolation-forest',
    columns: FEATURE_COUNT,
    medians: new Float32Array(FEATURE_COUNT),
    addScore: (graph, features, name) => isolationForestScore(graph, features, { ...fitted, cover: undefined! }, name),
    calibration: calibrate(Float32Array.of(0.4, 0.5, 0.6), 0.1),
  });
}
