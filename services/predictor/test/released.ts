import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_RELEASE_TRAINING, trainReleaseModels } from '@liminal/kenning/pipelines/train-release-models';
import { ReleaseRegistry } from '@liminal/kenning/registry/release-registry';
import { draftOf } from '@liminal/kenning/training/train-release';
import { openModelStore } from '@liminal/shared/adapters/model-store';
import { FEATURE_COUNT, type FeatureVector, VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import { modelInputs } from '@liminal/shared/contracts/model-input';
import { type LoadedRelease, loadRelease } from '@liminal/shared/release/load-release';
import { simulatedRows } from '../../kenning/test/trained-release.ts';

/** A store with a release that serves, trained on simulated traffic. */
export interface Released extends AsyncDisposable {
  loaded: LoadedRelease;
  /** Settings of a predictor that serves it. */
  env: Record<string, string>;
  /** Publishes the same models as another release and lets it serve. */
  promoteAnother(): Promise<string>;
}

export async function released(): Promise<Released> {
  const directory = await mkdtemp(join(tmpdir(), 'liminal-released-'));
  const store = openModelStore(`file:${join(directory, 'models')}`);
  const { privateKey, publicKey } = generateKeyPairSync('ed25519') as { privateKey: KeyObject; publicKey: KeyObject };
  const publicKeyFile = join(directory, 'public.pem');
  await writeFile(publicKeyFile, publicKey.export({ type: 'spki', format: 'pem' }));
  let time = Date.UTC(2026, 10, 23);
  const registry = new ReleaseRegistry({ store, signingKey: privateKey, clock: () => time, log: { warn() {} } });
  const rows = simulatedRows({ seed: 3, platformUsers: 120 });
  const trained = await trainReleaseModels(rows, DEFAULT_RELEASE_TRAINING, { seed: 3 });
  const summary = { rows: rows.rows, users: 120, fromTs: 0, toTs: 1, sha256: '0'.repeat(64) };
  const promote = async (): Promise<string> => {
    time += 1_000;
    const { id } = await registry.publish(draftOf(trained, { summary }, false));
    await registry.promote(id, 'test', 'test');
    return id;
  };
  return {
    loaded: await loadRelease(store, publicKey, await promote()),
    env: {
      MODEL_STORE_URL: `file:${join(directory, 'models')}`,
      RELEASE_PUBLIC_KEY_FILE: publicKeyFile,
      RELEASE_POLL_MS: '100',
    },
    promoteAnother: promote,
    async [Symbol.asyncDispose]() {
      store.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Vectors as attacks make them, and one of every day. `null` = not observed. */
export const VECTORS = {
  usual: [5, 0.55, 0, 0, 6, 5_000, 0],
  scraping: [140, -0.52, 0, 0, 139, null, 0],
  stolenToken: [10, 0.44, 0.95, 0.4, 9.4, null, 0.95],
  spam: [0, null, null, 51, null, 5_250, null],
} as const;

/** A vector of a user whose load has been 5 requests in every minute before. */
export function vectorOf(features: readonly (number | null)[], fields: Partial<FeatureVector> = {}): FeatureVector {
  const values = new Float32Array(VECTOR_LENGTH).fill(5);
  for (let feature = 0; feature < FEATURE_COUNT; feature++) values[feature] = features[feature] ?? Number.NaN;
  return { user: 'ada', ts: Date.UTC(2026, 10, 23, 10), seq: 1, values, ...fields };
}

export const inputsOf = (features: readonly (number | null)[]): Float32Array => modelInputs([vectorOf(features)]);
