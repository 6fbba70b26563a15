import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openModelStore } from '@liminal/shared/adapters/model-store';
import { MODEL_INPUT_LENGTH } from '@liminal/shared/contracts/model-input';
import { type LoadedRelease, loadRelease } from '@liminal/shared/release/load-release';
import { type Matrix, takeColumns } from '../src/detectors/matrix.ts';
import { longestInterval } from '../src/pipelines/longest-interval.ts';
import { releaseRows } from '../src/pipelines/release-rows.ts';
import type { TrainingRows } from '../src/pipelines/split-rows.ts';
import type { TrainedRelease } from '../src/pipelines/train-release-models.ts';
import { publishRelease } from '../src/registry/publish-release.ts';
import { factoryRows } from '../src/training/factory-rows.ts';
import { draftOf } from '../src/training/train-release.ts';

/** A day of simulated normal traffic [rows, `RELEASE_ROW_LENGTH`], grouped by user. */
export function simulatedRows(options: { seed: number; platformUsers?: number }): TrainingRows {
  const day = factoryRows(options);
  const numbers = new Map([...new Set(day.users)].map((user, number) => [user, number]));
  const userNumbers = Int32Array.from(day.users, (user) => numbers.get(user)!);
  const longestIntervalMs = longestInterval(day.ts);
  return { ...releaseRows({ ...day, userNumbers }), groups: userNumbers, longestIntervalMs };
}

/** What models are given of release rows, as one flat array. */
export const inputsOf = (rows: Matrix): Float32Array => takeColumns(rows, [...Array(MODEL_INPUT_LENGTH).keys()]).values;

/** The release as it comes out of a store, published there for once. */
export async function loadedRelease(trained: TrainedRelease): Promise<LoadedRelease> {
  const directory = await mkdtemp(join(tmpdir(), 'liminal-trained-release-'));
  const store = openModelStore(`file:${directory}`);
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const summary = { rows: trained.rows.total, users: 1, fromTs: 0, toTs: 1, sha256: '0'.repeat(64) };
  try {
    const { id } = await publishRelease(store, privateKey, draftOf(trained, { summary }, false), () => 0);
    return await loadRelease(store, publicKey, id);
  } finally {
    store.close();
    await rm(directory, { recursive: true });
  }
}
