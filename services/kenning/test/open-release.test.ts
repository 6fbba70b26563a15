import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openModelStore } from '@liminal/shared/adapters/model-store';
import { Combination } from '@liminal/shared/calibration/combination';
import { FEATURE_COUNT, VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import { releaseManifestSchema } from '@liminal/shared/contracts/release';
import { type LoadedRelease, loadRelease } from '@liminal/shared/release/load-release';
import { OpenRelease } from '@liminal/shared/release/open-release';
import { Random } from '@liminal/shared/runtime/random';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createMatrix, type Matrix } from '../src/detectors/matrix.ts';
import { RECONSTRUCTION_ERROR_OUTPUT } from '../src/onnx/autoencoder-converter.ts';
import { ModelSession } from '../src/onnx/model-session.ts';
import { DEFAULT_RELEASE_TRAINING, trainReleaseModels } from '../src/pipelines/train-release-models.ts';
import { TRAINABLE_MODELS } from '../src/pipelines/trainable-models.ts';
import { publishRelease } from '../src/registry/publish-release.ts';
import { draftOf } from '../src/training/train-release.ts';

const NAMES = Object.values(TRAINABLE_MODELS).map(({ name }) => name);

let loaded: LoadedRelease;

beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'liminal-open-release-'));
  const store = openModelStore(`file:${directory}`);
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const features = traffic(1000, 1).values;
  const trained = await trainReleaseModels(createMatrix(features, FEATURE_COUNT), DEFAULT_RELEASE_TRAINING, {
    seed: 1,
  });
  const summary = { rows: 1000, users: 10, fromTs: 0, toTs: 1, sha256: '0'.repeat(64) };
  const { id } = await publishRelease(store, privateKey, draftOf(trained, { summary }, false), () => 0);
  loaded = await loadRelease(store, publicKey, id);
  await rm(directory, { recursive: true });
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

/** Rows of seven features as whole vectors, without a load history. */
function asVectors({ values, rows }: Matrix): Float32Array {
  const vectors = new Float32Array(rows * VECTOR_LENGTH).fill(Number.NaN);
  for (let row = 0; row < rows; row++) {
    vectors.set(values.subarray(row * FEATURE_COUNT, (row + 1) * FEATURE_COUNT), row * VECTOR_LENGTH);
  }
  return vectors;
}

async function outputsOf(file: Uint8Array, rows: Matrix) {
  const session = await ModelSession.open(file);
  try {
    return await session.run(rows);
  } finally {
    await session.release();
  }
}

function traffic(count: number, seed: number): Matrix {
  const random = new Random(seed);
  const values = Float32Array.from({ length: count * FEATURE_COUNT }, (_, index) =>
    index % FEATURE_COUNT >= 5 && random.next() < 0.3 ? Number.NaN : random.exponential(1 + (index % FEATURE_COUNT)),
  );
  return createMatrix(values, FEATURE_COUNT);
}
