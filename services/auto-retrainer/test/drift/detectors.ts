import { FEATURE_COUNT } from '@liminal/shared/contracts/feature-vector';
import { adjustedPValues } from '../../src/drift/benjamini-hochberg.ts';
import { bet, newMartingale } from '../../src/drift/betting-martingale.ts';
import { emptyRanks, nextRank } from '../../src/drift/online-rank.ts';
import type { Sample } from '../../src/drift/sample.ts';
import { scoreDrift } from '../../src/drift/score-drift.ts';
import {
  COLUMN_TESTS,
  type ColumnTest,
  checkWindow,
  DEFAULT_WINDOW_CHECK,
  type WindowDrift,
} from '../../src/drift/window-check.ts';

/** A vector as a detector sees it. */
export interface ScoredVector {
  values: Float32Array;
  pValue: number;
  /** Uniform in (0, 1). */
  theta: number;
}

export const WINDOW_ROWS = 200;
export const REFERENCE_ROWS = 300;
export const CALIBRATION_ROWS = 300;
/** Of a look at a window. */
export const WINDOW_RATE = 0.05;
/** Of alarms that the martingale bets on. */
const ALERT_RATE = 0.01;
/** Of the martingale, for ever. */
export const EVER_RATE = 0.01;

/** Fewer permutations than in service: a suite looks thousands of times. */
const CHECK = { ...DEFAULT_WINDOW_CHECK, permutations: 199, kernelRows: 150, kernelPermutations: 199 };

export interface Look {
  drift: WindowDrift;
  pValues: number[];
}

/** Compares the window with the reference in every way at once; what the detectors below make of it is cheap. */
export function look(reference: Sample, window: readonly ScoredVector[], seed: number): Look {
  return {
    drift: checkWindow(reference, sampleOf(window.map(({ values }) => values)), { ...CHECK, seed }),
    pValues: window.map(({ pValue }) => pValue),
  };
}

export function sampleOf(vectors: readonly Float32Array[]): Sample {
  const values = new Float32Array(vectors.length * FEATURE_COUNT);
  for (const [row, vector] of vectors.entries()) values.set(vector, row * FEATURE_COUNT);
  return { values, rows: vectors.length, columns: FEATURE_COUNT };
}

export interface WindowDetector {
  name: string;
  rate: number;
  isAlarm(look: Look): boolean;
}

const smallest = (pValues: number[]): number => Math.min(...adjustedPValues(pValues));

const byColumn = (name: string, test: ColumnTest): WindowDetector => ({
  name,
  rate: WINDOW_RATE,
  isAlarm: ({ drift }) => smallest(drift.features.map((feature) => feature[test].pValue)) <= WINDOW_RATE,
});

export const WINDOW_DETECTORS: WindowDetector[] = [
  byColumn('Kolmogorov–Smirnov', 'ks'),
  byColumn('Wasserstein-1', 'wasserstein'),
  byColumn('population stability', 'populationStability'),
  byColumn('missing rate', 'missingRate'),
  {
    name: 'these four together',
    rate: WINDOW_RATE,
    isAlarm: ({ drift }) =>
      drift.features.some((feature) => COLUMN_TESTS.some((test) => feature[test].adjustedPValue <= WINDOW_RATE)),
  },
  { name: 'MMD', rate: WINDOW_RATE, isAlarm: ({ drift }) => drift.mmd.pValue <= WINDOW_RATE },
  {
    name: 'score drift',
    rate: WINDOW_RATE,
    isAlarm: ({ pValues }) => scoreDrift(pValues, CALIBRATION_ROWS).pValue <= WINDOW_RATE,
  },
  { name: 'always alarms (dummy)', rate: WINDOW_RATE, isAlarm: () => true },
  { name: 'never alarms (dummy)', rate: WINDOW_RATE, isAlarm: () => false },
];

/** Number of vectors up to the alarm of the martingale; undefined without one. */
export function martingaleAlarm(vectors: Iterable<ScoredVector>): number | undefined {
  const ranks = emptyRanks();
  const martingale = newMartingale();
  for (const { pValue, theta } of vectors) {
    bet(martingale, nextRank(ranks, pValue, theta, CALIBRATION_ROWS), martingale.steps, ALERT_RATE);
    if (martingale.logHighest >= -Math.log(EVER_RATE)) return martingale.steps;
  }
  return undefined;
}
