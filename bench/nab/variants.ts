import { Likelihood } from '@liminal/shared/time-series/likelihood';
import type { NabSeries } from './corpus.ts';
import { lstmResiduals } from './lstm-residuals.ts';
import { type StreamRows, streamRows } from './streams.ts';

/** All that variants of the detector are made of. */
export interface AllStreams extends StreamRows {
  /** Likelihood of the residuals of an LSTM. */
  lstm: Float64Array;
}

const LIKELIHOOD_LENGTH = 8_640;

export async function allStreams(series: NabSeries, seed: number): Promise<AllStreams> {
  const likelihood = new Likelihood(LIKELIHOOD_LENGTH, 0);
  const residuals = await lstmResiduals(series, seed);
  return { ...streamRows(series), lstm: residuals.map((residual) => likelihood.update(Math.sqrt(residual))) };
}

export interface Variant {
  name: string;
  /** Score of a row from what the streams say of it. */
  score(streams: Record<keyof AllStreams, number>): number;
}

export const DETECTOR: Variant = {
  name: 'value + motion, or repetition: the detector',
  // As the detector does it, but that a standstill outweighs any threshold that is tried.
  score: ({ value, motion, repetition }) =>
    repetition >= 1 ? Math.max((value + motion) / 2, STANDSTILL) : (value + motion) / 2,
};

const STANDSTILL = 1_000;

export const VARIANTS: readonly Variant[] = [
  { name: 'value', score: ({ value }) => value },
  { name: 'motion', score: ({ motion }) => motion },
  { name: 'value + motion', score: ({ value, motion }) => (value + motion) / 2 },
  DETECTOR,
  { name: 'LSTM', score: ({ lstm }) => lstm },
  {
    name: 'value + motion + LSTM',
    score: ({ value, motion, lstm }) => (value + motion + known(lstm)) / 3,
  },
];

/** The LSTM says nothing for a few rows more than the others. */
const known = (likelihood: number): number => (Number.isNaN(likelihood) ? 0 : likelihood);

export function variantScores({ score }: Variant, streams: AllStreams): Float64Array {
  const { value, motion, repetition, lstm } = streams;
  return value.map((own, row) =>
    score({ value: own, motion: motion[row]!, repetition: repetition[row]!, lstm: lstm[row]! }),
  );
}
