import { isolationForest } from '@liminal/kenning/detectors/isolation-forest';
import { fitMedians, imputeMissing } from '@liminal/kenning/detectors/median-imputation';
import { benchmarkRows, COLUMNS, median, ROWS, withScikitLearn } from './isolation-forest-rows.ts';

export const name = 'isolation forest: fit';
const ROUNDS = 7;
const AIM = 3;

/** Fit of 100 trees of 256 rows on 100,000 × 7, taking turns with scikit-learn; medians of the rounds. */
export async function run(): Promise<void> {
  const rows = benchmarkRows();
  await withScikitLearn('isolation-forest', rows, async (peer, version) => {
    const ours: number[] = [];
    const withImputation: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(await secondsOf(() => isolationForest.fit(rows, isolationForest.defaultOptions, { seed: round })));
      withImputation.push(
        await secondsOf(() => {
          const imputed = imputeMissing(rows, fitMedians(rows));
          return isolationForest.fit(imputed, isolationForest.defaultOptions, { seed: round });
        }),
      );
      theirs.push(...(await peer.seconds({ task: 'fit' })));
    }
    const line = (what: string, seconds: number[]) => ({
      fit: what,
      ms: Number((1000 * median(seconds)).toFixed(1)),
      ratio: Number((median(theirs) / median(seconds)).toFixed(2)),
      aim: AIM,
    });
    console.log(`${name}, ${ROWS} × ${COLUMNS}`);
    console.table([
      line('ours', ours),
      line('ours, with medians and imputation', withImputation),
      line(version, theirs),
    ]);
  });
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

if (import.meta.main) await run();
