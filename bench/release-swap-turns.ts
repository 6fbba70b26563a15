import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMatrix } from '@liminal/kenning/detectors/matrix';
import { trainInProcess } from '@liminal/kenning/pipelines/train-in-process';
import { DEFAULT_RELEASE_TRAINING } from '@liminal/kenning/pipelines/train-release-models';
import { publishRelease } from '@liminal/kenning/registry/publish-release';
import { draftOf } from '@liminal/kenning/training/train-release';
import { openModelStore } from '@liminal/shared/adapters/model-store';
import { Combination } from '@liminal/shared/calibration/combination';
import { FEATURE_COUNT } from '@liminal/shared/contracts/feature-vector';
import { loadRelease } from '@liminal/shared/release/load-release';
import { OpenRelease } from '@liminal/shared/release/open-release';
import { Random } from '@liminal/shared/runtime/random';

export const name = 'the event loop while a release loads and opens';
/** Enough that the calibration has as many rows as it ever gets. */
const TRAINING_ROWS = Math.ceil(
  DEFAULT_RELEASE_TRAINING.maxCalibrationRows / DEFAULT_RELEASE_TRAINING.calibrationShare,
);
const SWAPS = 20;
const LIMIT_MS = 20;

/** How much work one turn of the event loop holds at most; the first time in a process, where nothing is compiled yet, apart. */
export async function run(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'liminal-turns-'));
  const store = openModelStore(`file:${directory}`);
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const random = new Random(1);
  const values = Float32Array.from({ length: TRAINING_ROWS * FEATURE_COUNT }, () => random.normal());
  try {
    const rows = createMatrix(values, FEATURE_COUNT);
    const trained = await trainInProcess({ rows, options: DEFAULT_RELEASE_TRAINING, seed: 1 });
    const summary = { rows: TRAINING_ROWS, users: 1, fromTs: 0, toTs: 0, sha256: '0'.repeat(64) };
    const { id } = await publishRelease(store, privateKey, draftOf(trained, { summary }, false), () => 0);
    const loads: number[] = [];
    const rankings: number[] = [];
    const openings: number[] = [];
    for (let swap = 0; swap < SWAPS; swap++) {
      const loaded = await recorded(loads, () => loadRelease(store, publicKey, id));
      await recorded(rankings, () => new Combination(loaded.combination!).prepare());
      await (await recorded(openings, () => OpenRelease.open(loaded))).close();
    }
    console.table(
      Object.fromEntries(
        Object.entries({ 'load and verify': loads, 'rank the calibration': rankings, open: openings }).map(
          ([what, [first, ...further]]) => [
            what,
            {
              'first, ms': first!.toFixed(1),
              [`worst of ${SWAPS - 1} more, ms`]: Math.max(...further).toFixed(1),
              'limit, ms': LIMIT_MS,
            },
          ],
        ),
      ),
    );
  } finally {
    store.close();
    await rm(directory, { recursive: true, force: true });
  }
}

/** Not by the clock, which would count what others do on the machine. */
function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

/** Adds the longest turn of the event loop while the work goes on, in CPU time of its thread. */
async function recorded<Result>(longestTurnsMs: number[], work: () => Promise<Result>): Promise<Result> {
  let isDone = false;
  let longest = 0;
  let last = threadCpuMs();
  const turn = () => {
    const now = threadCpuMs();
    longest = Math.max(longest, now - last);
    last = now;
    if (!isDone) setImmediate(turn);
  };
  setImmediate(turn);
  const result = await work();
  isDone = true;
  turn();
  longestTurnsMs.push(longest);
  return result;
}

if (import.meta.main) await run();
