import { MODEL_INPUT_LENGTH } from '@liminal/shared/contracts/model-input';
import type { LoadedRelease } from '@liminal/shared/release/load-release';
import { OpenRelease } from '@liminal/shared/release/open-release';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rowRange } from '../src/detectors/matrix.ts';
import { explanationGaps } from '../src/gate/explanation-gaps.ts';
import { DEFAULT_RELEASE_TRAINING, trainReleaseModels } from '../src/pipelines/train-release-models.ts';
import { inputsOf, loadedRelease, simulatedRows } from './trained-release.ts';

const ROWS = 10;

let loaded: LoadedRelease;
let other: LoadedRelease;
let release: OpenRelease;
let rows: Float32Array;

beforeAll(async () => {
  const all = simulatedRows({ seed: 5, platformUsers: 60 });
  // The last row as nobody has it: explanations matter where nothing is usual.
  rows = inputsOf(rowRange(all, 0, ROWS));
  rows.set([500, -0.9, 4, 100, 500, 0.5, 3], (ROWS - 1) * MODEL_INPUT_LENGTH);
  loaded = await loadedRelease(await trainReleaseModels(all, DEFAULT_RELEASE_TRAINING, { seed: 5 }));
  other = await loadedRelease(await trainReleaseModels(all, DEFAULT_RELEASE_TRAINING, { seed: 6 }));
  release = await OpenRelease.open(loaded);
}, 120_000);
afterAll(() => release?.close());

describe('explanations of a release', () => {
  it('add up to what it serves', async () => {
    const { forest, combined } = await explanationGaps(loaded, release, rows);
    expect(forest).toBeGreaterThan(0);
    expect(forest).toBeLessThanOrEqual(1e-5);
    expect(combined).toBeLessThanOrEqual(1e-5);
  });

  it('do not when the trees are those of another forest', async () => {
    const files = new Map(loaded.files).set('isolation-forest', other.files.get('isolation-forest')!);
    expect((await explanationGaps({ ...loaded, files }, release, rows)).forest).toBeGreaterThan(1e-3);
  });

  it('do not when a row has another p-value among many rows than it was served', async () => {
    const unsteady: Pick<OpenRelease, 'score'> = {
      async score(vectors, count) {
        const scored = await release.score(vectors, count);
        return count > ROWS ? scored.map((row) => ({ ...row, pValue: row.pValue * 1.001 })) : scored;
      },
    };
    const { combined } = await explanationGaps(loaded, unsteady as OpenRelease, rows);
    expect(combined).toBeGreaterThan(1e-4);
  });

  it('are those of the combined p-value alone where no forest is', async () => {
    const models = loaded.manifest.models.filter(({ name }) => name !== 'isolation-forest');
    const forestless = { ...loaded, manifest: { ...loaded.manifest, models } };
    expect((await explanationGaps(forestless, release, rows)).forest).toBeNull();
  });
});
