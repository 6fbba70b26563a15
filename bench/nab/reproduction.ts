import type { NabProfile, NabSeries } from './corpus.ts';
import { publishedPoints, publishedScore, type readPublished } from './published.ts';
import { bestResult, resultAt } from './scoring.ts';
import { windowedGaussianScores } from './windowed-gaussian.ts';

/** The benchmark's windowed Gaussian as scored here, beside what was published: whether the scoring is the same. */
export interface Reproduction {
  profile: string;
  published: number;
  /** At the published threshold of 1. */
  ours: number;
  /** At the threshold that is best on these series. */
  best: number;
  /** Largest difference of what a series earned, before it is normalised. */
  largestDifference: number;
}

const PUBLISHED_THRESHOLD = 1;
/** What was published is rounded to 6 decimals. */
const TOLERANCE = 1e-5;

/** Throws where a series scores otherwise than published: then no score here is to be believed. */
export function assertReproduced(reproductions: readonly Reproduction[]): void {
  const off = reproductions.find(({ largestDifference }) => !(largestDifference <= TOLERANCE));
  if (off === undefined) return;
  throw new Error(`${off.profile}: the windowed Gaussian differs from what was published by ${off.largestDifference}`);
}

export function reproduction(
  corpus: readonly NabSeries[],
  profiles: readonly NabProfile[],
  published: ReturnType<typeof readPublished>,
): Reproduction[] {
  const scored = corpus.map((series) => ({ series, scores: windowedGaussianScores(series.values) }));
  return profiles.map((profile) => {
    const { tpWeight, fpWeight, fnWeight } = profile;
    const differences = scored.map((one) => {
      const windows = one.series.windows.length;
      const { score, falseAlarms } = resultAt([one], profile, PUBLISHED_THRESHOLD);
      // Where there are no windows nothing can be normalised by them, and each alarm costs its full weight.
      const points =
        windows === 0 ? -fpWeight * falseAlarms : (score / 100) * (tpWeight + fnWeight) * windows - fnWeight * windows;
      return Math.abs(points - publishedPoints(published, one.series, 'windowedGaussian', profile));
    });
    return {
      profile: profile.name,
      published: publishedScore(published, corpus, 'windowedGaussian', profile),
      ours: resultAt(scored, profile, PUBLISHED_THRESHOLD).score,
      best: bestResult(scored, profile).score,
      largestDifference: Math.max(...differences),
    };
  });
}
