import { type Matrix, rowRange } from '@liminal/kenning/detectors/matrix';
import { fitMedians } from '@liminal/kenning/detectors/median-imputation';
import { type OneClassSvm, type OneClassSvmOptions, oneClassSvm } from '@liminal/kenning/detectors/one-class-svm';
import { detectorModel } from '@liminal/kenning/onnx/detector-model';
import { ModelSession } from '@liminal/kenning/onnx/model-session';
import { oneClassSvmScore } from '@liminal/kenning/onnx/one-class-svm-converter';
import { benchmarkRows, COLUMNS, median, withScikitLearn } from './isolation-forest-rows.ts';
import type { PythonPeer } from './peers/python-peer.ts';

export const name = 'one-class SVM: fit and scoring';
const ROUNDS = 5;
const SIZES = [2_000, 10_000];
const BATCHES = [
  { rows: 1, ourRuns: 200, theirRuns: 20 },
  { rows: 32, ourRuns: 100, theirRuns: 5 },
  { rows: 1024, ourRuns: 5, theirRuns: 1 },
];
const FIT_AIM = 1.5;
const SCORE_AIM = 5;
const { defaultOptions } = oneClassSvm;

/** scikit-learn gets a cache of 200 MB, its default. */
const exact: OneClassSvmOptions = { ...defaultOptions, maxExactRows: Number.MAX_SAFE_INTEGER, cacheBytes: 200e6 };

/**
 * ν = 0.5, γ = scale, tolerance 1e-3, standardised columns on both sides, one thread each, taking turns; medians. What the
 * detector does by default (`landmarks` beyond `maxExactRows` rows) stands beside the exact fit. Scores are those of the
 * ONNX file, imputation and scaling included.
 */
export async function run(): Promise<void> {
  const rows = benchmarkRows(Math.max(...SIZES));
  await withScikitLearn('one-class-svm', rows, async (peer, version) => {
    const fits: Record<string, string | number>[] = [];
    const scores: Record<string, string | number>[] = [];
    for (const size of SIZES) {
      const training = rowRange(rows, 0, size);
      const variants = [exact, ...(size > defaultOptions.maxExactRows ? [defaultOptions] : [])];
      const theirs: number[] = [];
      const ours = variants.map((): number[] => []);
      const fitted: OneClassSvm[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        for (const [index, options] of variants.entries()) {
          const start = performance.now();
          fitted[index] = await oneClassSvm.fit(training, options, { seed: round });
          ours[index]!.push(performance.now() - start);
        }
        theirs.push(...(await peer.seconds({ task: 'fit', rows: size })).map((seconds) => 1000 * seconds));
      }
      for (const [index, svm] of fitted.entries()) {
        fits.push({
          rows: size,
          kind: svm.kind,
          'support vectors': svm.coefficients.length,
          'ours, ms': round1(median(ours[index]!)),
          [`${version}, ms`]: round1(median(theirs)),
          ratio: round1(median(theirs) / median(ours[index]!)),
          aim: FIT_AIM,
        });
        scores.push(...(await scoringLines(training, svm, peer, version)));
      }
    }
    console.log(`${name}, ${COLUMNS} columns`);
    console.table(fits);
    console.table(scores);
  });
}

async function scoringLines(training: Matrix, svm: OneClassSvm, peer: PythonPeer, version: string) {
  const file = detectorModel({
    name: 'one-class-svm',
    columns: training.columns,
    medians: fitMedians(training),
    addScore: (graph, features, output) => oneClassSvmScore(graph, features, svm, output),
  });
  const session = await ModelSession.open(file);
  const lines: Record<string, string | number>[] = [];
  for (const { rows, ourRuns, theirRuns } of BATCHES) {
    const batch = rowRange(training, 0, rows);
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      for (let index = 0; index < ourRuns; index++) {
        const start = performance.now();
        await session.run(batch);
        ours.push(1000 * (performance.now() - start));
      }
      theirs.push(...(await peer.seconds({ task: 'score', rows, repeat: theirRuns })).map((seconds) => 1e6 * seconds));
    }
    lines.push({
      'training rows': training.rows,
      kind: svm.kind,
      batch: rows,
      'ours, µs': round1(median(ours)),
      [`${version}, µs`]: Math.round(median(theirs)),
      ratio: round1(median(theirs) / median(ours)),
      aim: SCORE_AIM,
    });
  }
  await session.release();
  return lines;
}

const round1 = (value: number): number => Number(value.toFixed(1));

if (import.meta.main) await run();
