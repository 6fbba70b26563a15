import { fork } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createMatrix } from '@liminal/kenning/detectors/matrix';
import { trainInProcess } from '@liminal/kenning/pipelines/train-in-process';
import { DEFAULT_RELEASE_TRAINING } from '@liminal/kenning/pipelines/train-release-models';
import { publishRelease } from '@liminal/kenning/registry/publish-release';
import { draftOf } from '@liminal/kenning/training/train-release';
import { openModelStore } from '@liminal/shared/adapters/model-store';
import { FEATURE_COUNT, VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import { loadRelease } from '@liminal/shared/release/load-release';
import { OpenRelease } from '@liminal/shared/release/open-release';
import { Random } from '@liminal/shared/runtime/random';

export const name = 'memory over release swaps and trainings';
const TIMES = Number(process.env.SWAPS ?? 100);
/** The first few fill caches and pools that stay. */
const WARM_UP = 5;
const TRAINING_ROWS = 2_000;
const SCORED_ROWS = 512;
const AIM_RATIO = 1.2;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/**
 * RSS of a service that swaps releases as the predictor does (verify, open, score, close the old one), and of one that
 * trains as kenning does (in a process of its own), each `SWAPS` times (100): the end against the state after warming up.
 */
export async function run(): Promise<void> {
  if (process.env.MALLOC_ARENA_MAX === undefined) return runAsService();
  const directory = await mkdtemp(join(tmpdir(), 'liminal-swaps-'));
  const store = openModelStore(`file:${directory}`);
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const features = Float32Array.from(normals(TRAINING_ROWS * FEATURE_COUNT));
  const vectors = Float32Array.from(normals(SCORED_ROWS * VECTOR_LENGTH));
  const summary = { rows: TRAINING_ROWS, users: 1, fromTs: 0, toTs: 0, sha256: '0'.repeat(64) };
  const train = (seed: number) =>
    trainInProcess({ rows: createMatrix(features, FEATURE_COUNT), options: DEFAULT_RELEASE_TRAINING, seed });
  try {
    const ids: string[] = [];
    for (const seed of [1, 2]) {
      const draft = draftOf(await train(seed), { features, summary }, false);
      ids.push((await publishRelease(store, privateKey, draft, () => seed * 1_000)).id);
    }
    let serving: OpenRelease | undefined;
    const swaps = await measured('release swaps', async (index) => {
      const next = await OpenRelease.open(await loadRelease(store, publicKey, ids[index % ids.length]!));
      const previous = serving;
      serving = next;
      await serving.score(vectors, SCORED_ROWS);
      await previous?.close();
    });
    await serving?.close();
    const trainings = await measured('trainings', async (index) => {
      await train(index);
    });
    console.table([swaps, trainings]);
  } finally {
    store.close();
    await rm(directory, { recursive: true, force: true });
  }
}

/** The C library reads this at the start of a process: services run with it, so this has to. */
async function runAsService(): Promise<void> {
  const env = { ...process.env, MALLOC_ARENA_MAX: '2' };
  const child = fork(fileURLToPath(import.meta.url), { env, execArgv: [] });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`the measurement ended with code ${code}`);
}

async function measured(
  what: string,
  step: (index: number) => Promise<void>,
): Promise<Record<string, string | number>> {
  for (let index = 0; index < WARM_UP; index++) await step(index);
  const before = residentMegabytes();
  let highest = before;
  for (let index = 0; index < TIMES; index++) {
    await step(index);
    highest = Math.max(highest, process.memoryUsage.rss() / 2 ** 20);
  }
  const after = residentMegabytes();
  const round = (value: number) => Number(value.toFixed(2));
  return {
    what: `${TIMES} ${what}`,
    'before, MB': round(before),
    'highest, MB': round(highest),
    'after, MB': round(after),
    ratio: round(after / before),
    aim: `≤ ${AIM_RATIO}`,
  };
}

function residentMegabytes(): number {
  collectGarbage();
  return process.memoryUsage.rss() / 2 ** 20;
}

function* normals(count: number): Iterable<number> {
  const random = new Random(1);
  for (let index = 0; index < count; index++) yield random.normal();
}

if (import.meta.main) await run();
