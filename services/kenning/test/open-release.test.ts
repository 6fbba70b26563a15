import { Combination } from '@liminal/shared/calibration/combination';
import { FEATURE_COUNT, PREDICTED_USER_LOAD, VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import { MINUTE_OF_DAY, MODEL_INPUT_LENGTH, modelInputs } from '@liminal/shared/contracts/model-input';
import { releaseManifestSchema } from '@liminal/shared/contracts/release';
import { ewmaForecast } from '@liminal/shared/features/load-forecast';
import type { LoadedRelease } from '@liminal/shared/release/load-release';
import { OpenRelease } from '@liminal/shared/release/open-release';
import { Random } from '@liminal/shared/runtime/random';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createMatrix, type Matrix, takeRows } from '../src/detectors/matrix.ts';
import { RECONSTRUCTION_ERROR_OUTPUT } from '../src/onnx/autoencoder-converter.ts';
import { outputsOf } from '../src/onnx/testing/outputs-of.ts';
import type { TrainedRelease } from '../src/pipelines/train-release-models.ts';
import { DEFAULT_RELEASE_TRAINING, trainReleaseModels } from '../src/pipelines/train-release-models.ts';
import { TRAINABLE_MODELS } from '../src/pipelines/trainable-models.ts';
import { servedFeatures, wholeHistories } from '../src/pipelines/whole-histories.ts';
import { inputsOf, loadedRelease, simulatedRows } from './trained-release.ts';

const NAMES = Object.values(TRAINABLE_MODELS).map(({ name }) => name);

let loaded: LoadedRelease;

beforeAll(async () => {
  const features = traffic(1000, 1).values;
  const trained = await trainReleaseModels(createMatrix(features, FEATURE_COUNT), DEFAULT_RELEASE_TRAINING, {
    seed: 1,
  });
  loaded = await loadedRelease(trained);
});
afterEach(() => vi.restoreAllMocks());

describe('an open release', () => {
  it('scores with every model, and combines them', async () => {
    const rows = traffic(600, 2);
    const release = await OpenRelease.open(loaded);
    const scored = await release.score(asVectors(rows), rows.rows);
    await release.close();
    expect(Object.keys(scored[0]!.scores)).toEqual(NAMES);
    const outputs = await Promise.all(NAMES.map((name) => outputsOf(loaded.files.get(name)!, rows)));
    const combination = new Combination(loaded.combination!);
    for (const [row, { scores, pValue }] of scored.entries()) {
      for (const [model, name] of NAMES.entries()) {
        expect(scores[name]).toEqual({ score: outputs[model]!.scores[row], pValue: outputs[model]!.pValues[row] });
      }
      expect(pValue).toBe(combination.combine(outputs.map(({ scores: column }) => column[row]!)).pValue);
    }
    expect(new Set(scored.map(({ pValue }) => pValue)).size).toBeGreaterThan(100);
  });

  it('says what its files give besides scores and p-values', async () => {
    const rows = traffic(20, 3);
    const extras = loaded.manifest.models.flatMap(({ name, outputs }) =>
      (outputs.extra ?? []).map((output) => ({ model: name, ...output })),
    );
    expect(extras).toEqual([{ model: 'autoencoder', name: RECONSTRUCTION_ERROR_OUTPUT, columns: FEATURE_COUNT }]);
    for (const { model, name, columns } of extras) {
      const session = await InferenceSession.create(loaded.files.get(model)!);
      const features = new Tensor('float32', rows.values, [rows.rows, rows.columns]);
      const { dims } = (await session.run({ features }, [name]))[name]!;
      expect(dims).toEqual([rows.rows, columns]);
      await session.release();
    }
  });

  it('may be of a manifest that says nothing of them', () => {
    const { models, ...manifest } = loaded.manifest;
    const older = {
      ...manifest,
      models: models.map(({ outputs: { extra, ...outputs }, ...m }) => ({ ...m, outputs })),
    };
    expect(releaseManifestSchema.parse(older)).toEqual(older);
  });

  it('leaves out a model that does not apply to a vector, and is then the combination of the others', async () => {
    const [first, ...others] = loaded.manifest.models;
    const release = await OpenRelease.open({
      ...loaded,
      manifest: { ...loaded.manifest, models: [{ ...first!, appliesTo: 'complete-input' }, ...others] },
    });
    const rows = traffic(200, 3);
    const scored = await release.score(asVectors(rows), rows.rows);
    await release.close();
    const combination = new Combination(loaded.combination!);
    let leftOut = 0;
    for (const [row, { scores, pValue }] of scored.entries()) {
      const isComplete = !rows.values.subarray(row * FEATURE_COUNT, (row + 1) * FEATURE_COUNT).some(Number.isNaN);
      expect(first!.name in scores).toBe(isComplete);
      if (!isComplete) leftOut++;
      expect(pValue).toBe(combination.combine(NAMES.map((name) => scores[name]?.score ?? Number.NaN)).pValue);
    }
    expect(leftOut).toBeGreaterThan(20);
    expect(leftOut).toBeLessThan(180);
  });

  it('of an older kind has the p-value of its single model', async () => {
    const [model] = loaded.manifest.models;
    const manifest = {
      ...loaded.manifest,
      models: [model!],
      combination: { method: 'single' as const, model: model!.name },
    };
    const release = await OpenRelease.open({ ...loaded, manifest, combination: null });
    const [scored] = await release.score(asVectors(traffic(1, 4)), 1);
    await release.close();
    expect(scored!.pValue).toBe(scored!.scores[model!.name]!.pValue);
  });

  it('gives back what it had opened when one of its models does not open', async () => {
    const opened: InferenceSession[] = [];
    const create = InferenceSession.create.bind(InferenceSession) as (...args: unknown[]) => Promise<InferenceSession>;
    vi.spyOn(InferenceSession, 'create').mockImplementation(async (...args: unknown[]) => {
      const session = await create(...args);
      vi.spyOn(session, 'release');
      opened.push(session);
      return session;
    });
    const broken = new Map(loaded.files).set(NAMES.at(-1)!, Uint8Array.of(1, 2, 3));
    await expect(OpenRelease.open({ ...loaded, files: broken })).rejects.toThrow();
    expect(opened).toHaveLength(NAMES.length - 1);
    for (const session of opened) expect(session.release).toHaveBeenCalledOnce();
  });

  it('finishes the runs under way before it closes, and takes no new ones', async () => {
    const release = await OpenRelease.open(loaded);
    const vectors = asVectors(traffic(300, 5));
    const scoring = release.score(vectors, 300);
    const closing = release.close();
    await expect(release.score(vectors, 300)).rejects.toThrow('closed');
    expect(await scoring).toHaveLength(300);
    await closing;
    await release.close();
  });
});

describe('a release with an LSTM', () => {
  const day = simulatedRows({ seed: 3 });
  const rows = takeRows(day, new Random(4).sample(day.rows, 600));
  const inputs = inputsOf(rows);
  const isWhole = new Set(wholeHistories(rows).rows);
  let trained: TrainedRelease;
  let release: OpenRelease;

  beforeAll(async () => {
    trained = await trainReleaseModels(simulatedRows({ seed: 2 }), DEFAULT_RELEASE_TRAINING, { seed: 1 });
    release = await OpenRelease.open(await loadedRelease(trained));
  });
  afterAll(() => release.close());

  it('fills in the predicted load before the others score: the forecast, or the moving average for short histories', async () => {
    const lstm = trained.models.find(({ name }) => name === 'lstm')!;
    const expected = await servedFeatures(rows, lstm, undefined);
    const scored = await release.score(inputs, rows.rows);
    expect(isWhole.size).toBeGreaterThan(300);
    expect(rows.rows - isWhole.size).toBeGreaterThan(100);
    for (const [row, { forecast, predictedLoad, scores }] of scored.entries()) {
      const load = expected.values[row * FEATURE_COUNT + PREDICTED_USER_LOAD]!;
      expect('lstm' in scores).toBe(isWhole.has(row));
      if (Number.isNaN(load)) {
        expect({ forecast, predictedLoad }).toEqual({ forecast: null, predictedLoad: Number.NaN });
        continue;
      }
      expect(Math.abs(predictedLoad / load - 1) || 0).toBeLessThan(1e-5);
      expect(forecast).toMatchObject({ forecaster: isWhole.has(row) ? 'lstm' : 'ewma', load: predictedLoad });
      if (!isWhole.has(row)) continue;
      expect(forecast!.lower).toBeLessThanOrEqual(predictedLoad);
      expect(forecast!.upper).toBeGreaterThan(predictedLoad);
    }
    for (const { name, onnx } of trained.models.filter((model) => model !== lstm)) {
      const { scores: ofTraining } = await outputsOf(onnx, expected);
      for (const [row, { scores }] of scored.entries()) expect(scores[name]!.score).toBeCloseTo(ofTraining[row]!, 3);
    }
  });

  it('combines the others alone where the LSTM does not apply: a short history, or no time', async () => {
    const timeless = inputs.map((value, index) => (index % MODEL_INPUT_LENGTH === MINUTE_OF_DAY ? Number.NaN : value));
    const combination = new Combination((await loadedRelease(trained)).combination!);
    for (const scored of [await release.score(inputs, rows.rows), await release.score(timeless, rows.rows)]) {
      for (const { scores, pValue } of scored) {
        const inOrder = combination.models.map((name) => scores[name]?.score ?? Number.NaN);
        expect(pValue).toBe(combination.combine(inOrder).pValue);
      }
    }
    const withoutTime = await release.score(timeless, rows.rows);
    for (const [row, { scores, forecast }] of withoutTime.entries()) {
      expect('lstm' in scores).toBe(false);
      const history = rows.values.subarray(row * rows.columns + FEATURE_COUNT, row * rows.columns + VECTOR_LENGTH);
      expect(forecast?.load ?? Number.NaN).toBe(Math.fround(ewmaForecast(history)));
    }
  });

  it('keeps a predicted load that the vector brought, and leaves the vectors as they were', async () => {
    const brought = inputs.slice();
    brought[PREDICTED_USER_LOAD] = 300;
    const before = brought.slice();
    const [scored] = await release.score(brought, rows.rows);
    expect(scored!.predictedLoad).toBe(300);
    expect(scored!.forecast!.load).not.toBe(300);
    expect(brought).toEqual(before);
  });
});

/** Rows of seven features as whole vectors, without a load history. */
function asVectors({ values, rows }: Matrix): Float32Array {
  const features = (row: number) => values.subarray(row * FEATURE_COUNT, (row + 1) * FEATURE_COUNT);
  return modelInputs(Array.from({ length: rows }, (_, row) => ({ values: features(row) })));
}

function traffic(count: number, seed: number): Matrix {
  const random = new Random(seed);
  const values = Float32Array.from({ length: count * FEATURE_COUNT }, (_, index) =>
    index % FEATURE_COUNT >= 5 && random.next() < 0.3 ? Number.NaN : random.exponential(1 + (index % FEATURE_COUNT)),
  );
  return createMatrix(values, FEATURE_COUNT);
}
