import { normalUpperTail } from './normal-tail.ts';

const WINDOW = 6_400;
const STEP = 100;
/** Digits that the published scores were written with: with more of them fewer rows would be at the threshold of 1. */
const WRITTEN_DIGITS = 12;
const SMALLEST_DEVIATION = 1e-6;

/**
 * The benchmark's windowed Gaussian, from its description: 1 − the probability that a normal distribution is farther from its
 * mean on that side, with mean and deviation of a window of rows before that is filled one by one and then moves in steps.
 */
export function windowedGaussianScores(values: Float64Array): Float64Array {
  let mean = 0;
  let deviation = 1;
  return Float64Array.from(values, (value, row) => {
    const score = row === 0 ? 0 : 1 - normalUpperTail(Math.abs(value - mean) / deviation);
    const seen = row + 1;
    if (seen <= WINDOW) [mean, deviation] = momentsOf(values.subarray(0, seen));
    else if ((seen - WINDOW) % STEP === 0) [mean, deviation] = momentsOf(values.subarray(seen - WINDOW, seen));
    return Number(score.toPrecision(WRITTEN_DIGITS));
  });
}

function momentsOf(values: Float64Array): [mean: number, deviation: number] {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return [mean, Math.sqrt(squares / values.length) || SMALLEST_DEVIATION];
}
