import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NabProfile, NabSeries } from './corpus.ts';

/** Detectors of the scoreboard whose results for each series were published. */
export const PUBLISHED_DETECTORS = ['windowedGaussian', 'HTM', 'CAD-OSE', 'ARTime'] as const;

type Rows = ReadonlyMap<string, Readonly<Record<string, number>>>;

/**
 * What the detectors of the scoreboard earned on each series, from `results/` of numenta/NAB (MIT), rounded to 6 decimals:
 * windowedGaussian at commit de8e91a, HTM (there `numenta`) at 4b89baf, CAD-OSE (`contextOSE`) at 059c782, ARTime at 5a98e4f and
 * 7c58c75. Over all 58 series they add up to the scoreboard. The low-FN column is the standard one less 1 for each missed window:
 * in both profiles each of them has the same threshold.
 */
export function readPublished(): Rows {
  const [header = '', ...lines] = readFileSync(join(import.meta.dirname, 'published-scores.csv'), 'utf8')
    .trim()
    .split('\n');
  const [, , ...profiles] = header.split(',');
  return new Map(
    lines.map((line) => {
      const [series, detector, ...scores] = line.split(',');
      return [
        `${series} ${detector}`,
        Object.fromEntries(profiles.map((name, index) => [name, Number(scores[index])])),
      ];
    }),
  );
}

/** Not normalised: what the alarms in a series earned and cost. */
export function publishedPoints(published: Rows, { name }: NabSeries, detector: string, profile: NabProfile): number {
  const points = published.get(`${name} ${detector}`)?.[profile.name];
  if (points === undefined) throw new Error(`published-scores.csv has nothing of ${detector} on ${name}`);
  return points;
}

/** NAB score on some series. */
export function publishedScore(
  published: Rows,
  series: readonly NabSeries[],
  detector: string,
  profile: NabProfile,
): number {
  const { tpWeight, fnWeight } = profile;
  const points = series.reduce((sum, one) => sum + publishedPoints(published, one, detector, profile), 0);
  const windows = series.reduce((count, one) => count + one.windows.length, 0);
  return (100 * (points + fnWeight * windows)) / ((tpWeight + fnWeight) * windows);
}
