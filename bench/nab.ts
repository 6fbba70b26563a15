import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DATA_SETS } from '@liminal/shared/testing/data-sets';
import { type NabProfile, readProfiles, readSeries } from './nab/corpus.ts';
import { type Choice, chooseConstants, halvesOf, nabScore, type RowScores } from './nab/halves.ts';
import { readPublished } from './nab/published.ts';
import { asMarkdown, type NabReport, summaryTables, type VariantResult } from './nab/report.ts';
import { assertReproduced, reproduction } from './nab/reproduction.ts';
import { detectorScores } from './nab/streams.ts';
import { type AllStreams, allStreams, DETECTOR, VARIANTS, variantScores } from './nab/variants.ts';

export const name = 'time series: NAB score';
const SEED = 1;

/**
 * The streaming detector by the rules of the Numenta Anomaly Benchmark, its constants chosen on one half of the series and
 * reported on both, beside published scores on the same series; and what each stream contributes, an LSTM's included.
 *
 * `NAB_WRITE=1` writes docs/nab.md.
 */
export async function run(): Promise<void> {
  const directory = join(DATA_SETS, 'nab');
  if (!existsSync(directory)) {
    console.warn(`SKIPPED ${name}: no data in ${directory} (set LIMINAL_DATA_DIR)`);
    return;
  }
  const corpus = readSeries(directory);
  const profiles = readProfiles(directory);
  const published = readPublished();
  const reproductions = reproduction(corpus, profiles, published);
  assertReproduced(reproductions);
  const streams: AllStreams[] = [];
  for (const series of corpus) streams.push(await allStreams(series, SEED));
  const variants = [...VARIANTS, { ...DETECTOR, name: 'the detector without silence' }].map((variant) => {
    const scored = corpus.map((series, index) => ({ series, scores: variantScores(variant, streams[index]!) }));
    const silences = variant.name.endsWith('without silence') ? [0] : undefined;
    return { name: variant.name, scored, results: profiles.map((profile) => resultOf(scored, profile, silences)) };
  });
  const detector = variants.find((variant) => variant.name === DETECTOR.name)!;
  detector.results = profiles.map((profile, index) =>
    ofDetectorItself(detector.scored, profile, detector.results[index]!),
  );
  const report: NabReport = {
    corpus,
    profiles,
    published,
    reproductions,
    detector,
    variants,
  };
  for (const table of summaryTables(report)) console.table(table);
  if (process.env.NAB_WRITE === '1') {
    writeFileSync(join(import.meta.dirname, '../docs/nab.md'), asMarkdown(report));
  }
}

function resultOf(scored: readonly RowScores[], profile: NabProfile, silences?: readonly number[]): VariantResult {
  const { first, second } = halvesOf(scored);
  const [fromAll, fromFirst, fromSecond] = [scored, first, second].map((half) =>
    chooseConstants(half, profile, silences),
  );
  return {
    all: fromAll!,
    first: fromFirst!,
    second: fromSecond!,
    secondByFirst: nabScore(second, profile, fromFirst!.constants),
    firstBySecond: nabScore(first, profile, fromSecond!.constants),
  };
}

/**
 * With the constants that the streams chose, the scores of the detector itself: what it says of a standstill depends on what
 * it has alarmed on before, so that its streams alone are not quite it.
 */
function ofDetectorItself(scored: readonly RowScores[], profile: NabProfile, chosen: VariantResult): VariantResult {
  const scoreOf = (on: readonly RowScores[], { constants }: Choice): number =>
    nabScore(
      on.map(({ series }) => ({ series, scores: detectorScores(series, constants) })),
      profile,
      constants,
    );
  const { first, second } = halvesOf(scored);
  const own = (on: readonly RowScores[], choice: Choice): Choice => ({ ...choice, score: scoreOf(on, choice) });
  return {
    all: own(scored, chosen.all),
    first: own(first, chosen.first),
    second: own(second, chosen.second),
    secondByFirst: scoreOf(second, chosen.first),
    firstBySecond: scoreOf(first, chosen.second),
  };
}

if (import.meta.main) await run();
