import { rowRange } from '@liminal/kenning/detectors/matrix';
import { ModelSession } from '@liminal/kenning/onnx/model-session';
import { DEFAULT_RELEASE_TRAINING, trainReleaseModels } from '@liminal/kenning/pipelines/train-release-models';
import { benchmarkRows, COLUMNS, median, withScikitLearn } from './isolation-forest-rows.ts';

export const name = 'isolation forest: scoring';
const ROUNDS = 15;
const BATCHES = [
  { rows: 1, ourRuns: 200, theirRuns: 4, aim: 500 },
  { rows: 1024, ourRuns: 5, theirRuns: 2, aim: 6 },
];

/**
 * One model file (imputation, score and p-value against 10,000 calibration rows) in ONNX Runtime on one thread, against
 * scikit-learn's `score_samples`, which gives the score alone. Both take turns; medians of all runs.
 */
export async function run(): Promise<void> {
  const rows = benchmarkRows();
  await withScikitLearn('isolation-forest', rows, async (peer, version) => {
    const { models } = await trainReleaseModels(rows, DEFAULT_RELEASE_TRAINING, { seed: 1 });
    const session = await ModelSession.open(models[0]!.onnx);
    await peer.seconds({ task: 'fit' });
    const lines: Record<string, string | number>[] = [];
    for (const { rows: batchRows, ourRuns, theirRuns, aim } of BATCHES) {
      const batch = rowRange(rows, 0, batchRows);
      const ours: number[] = [];
      const theirs: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        for (let index = 0; index < ourRuns; index++) {
          const start = performance.now();
          await session.run(batch);
          ours.push((performance.now() - start) / 1000);
        }
        theirs.push(...(await peer.seconds({ task: 'score', rows: batchRows, repeat: theirRuns })));
      }
      lines.push({
        batch: batchRows,
        'ours, µs': Number((1e6 * median(ours)).toFixed(1)),
        [`${version}, µs`]: Math.round(1e6 * median(theirs)),
        ratio: Number((median(theirs) / median(ours)).toFixed(1)),
        aim,
      });
    }
    await session.release();
    console.log(`${name}, 100 trees × 256 rows, ${COLUMNS} columns`);
    console.table(lines);
  });
}

if (import.meta.main) await run();
