import { lstmForecasting } from '@liminal/kenning/nn/lstm-network';
import { DEFAULT_ADAM } from '@liminal/kenning/nn/optimizer';
import { initialParameters, parameterValues } from '@liminal/kenning/nn/parameters';
import { train } from '@liminal/kenning/nn/training';
import { trainingLoop } from '@liminal/kenning/nn/training-loop';
import { Random } from '@liminal/shared/runtime/random';
import type { NabSeries } from './corpus.ts';

const STEPS = 32;
const HIDDEN = 16;
const BATCH = 64;
/** Of the optimiser: on the first half of the probationary rows, and each time that it is trained again. */
const FIRST_TRAINING = 400;
const NEXT_TRAINING = 200;
const LEARNING_RATE = 3e-3;
const ROWS_BETWEEN_TRAININGS = 2_000;
const ROWS_OF_TRAINING = 4_000;
/** Standard deviations: beyond them an input says no more. */
const LARGEST_INPUT = 10;

const problem = lstmForecasting({ inputs: 1, hidden: HIDDEN, steps: STEPS }, BATCH);
const loop = trainingLoop(problem, DEFAULT_ADAM);

/**
 * How far each value lies from the forecast of an LSTM, in standard deviations of the probationary rows; NaN before there is
 * one. It is trained on the first half of the probationary rows (so that the other half shows how large residuals are), after
 * these again, and then every 2,000 rows, on the 4,000 before: it never sees a value before it has forecast it.
 */
export async function lstmResiduals({ values, probation }: NabSeries, seed: number): Promise<Float64Array> {
  const scaled = standardised(values, probation);
  const residuals = new Float64Array(values.length).fill(Number.NaN);
  let parameters = initialParameters(problem.parameters, new Random(seed));
  const start = probation >> 1;
  for (let row = start; row < values.length; row++) {
    const isDue = row === start || (row >= probation && (row - probation) % ROWS_BETWEEN_TRAININGS === 0);
    if (isDue) {
      const steps = row === start ? FIRST_TRAINING : NEXT_TRAINING;
      const rows = scaled.subarray(Math.max(0, row - ROWS_OF_TRAINING), row);
      parameters = await trainedFurther(parameters, rows, steps, seed);
    }
    residuals[row] = Math.abs(scaled[row]! - forecast(scaled.subarray(row - STEPS, row), parameters));
  }
  return residuals;
}

function standardised(values: Float64Array, probation: number): Float32Array<ArrayBuffer> {
  const known = values.subarray(0, probation);
  const mean = known.reduce((sum, value) => sum + value, 0) / probation;
  const deviation = Math.sqrt(known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / probation) || 1;
  return Float32Array.from(values, (value) =>
    Math.min(Math.max((value - mean) / deviation, -LARGEST_INPUT), LARGEST_INPUT),
  );
}

async function trainedFurther(
  initial: Float32Array,
  rows: Float32Array<ArrayBuffer>,
  steps: number,
  seed: number,
): Promise<Float32Array> {
  const { parameters } = await train({
    loop,
    dataSets: { series: { values: rows, shape: [rows.length, 1] } },
    stepDraws: { starts: { kind: 'shuffled', rows: rows.length - STEPS, batch: BATCH } },
    initialParameters: initial,
    optimizer: DEFAULT_ADAM,
    learningRate: { kind: 'cosine', initial: LEARNING_RATE },
    steps,
    stepsPerRun: 100,
    seed,
  });
  return parameters;
}

const sigmoid = (value: number): number => 1 / (1 + Math.exp(-value));

/** The value after `window` by the network of `lstmForecasting`, in plain numbers. */
function forecast(window: Float32Array, parameters: Float32Array): number {
  const named = parameterValues(parameters, problem.parameters);
  const { lstm_weight: weight, lstm_recurrence: recurrence, lstm_bias: bias } = named;
  let hidden = new Float64Array(HIDDEN);
  const cell = new Float64Array(HIDDEN);
  const sums = new Float64Array(4 * HIDDEN);
  for (const value of window) {
    for (let unit = 0; unit < sums.length; unit++) {
      let sum = bias![unit]! + weight![unit]! * value;
      for (let other = 0; other < HIDDEN; other++) sum += recurrence![unit * HIDDEN + other]! * hidden[other]!;
      sums[unit] = sum;
    }
    const next = new Float64Array(HIDDEN);
    for (let unit = 0; unit < HIDDEN; unit++) {
      const [input, output, forget] = [sums[unit]!, sums[HIDDEN + unit]!, sums[2 * HIDDEN + unit]!].map(sigmoid);
      cell[unit] = forget! * cell[unit]! + input! * Math.tanh(sums[3 * HIDDEN + unit]!);
      next[unit] = output! * Math.tanh(cell[unit]!);
    }
    hidden = next;
  }
  return hidden.reduce((sum, value, unit) => sum + value * named.head_weight![unit]!, named.head_bias![0]!);
}
