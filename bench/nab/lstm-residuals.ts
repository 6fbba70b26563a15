import { type DenseLayer, denseForward, denseParameters } from '@liminal/kenning/nn/dense-network';
import { lstmParameters, unrolledLstm } from '@liminal/kenning/nn/lstm-network';
import { lstmValues } from '@liminal/kenning/nn/lstm-values';
import { meanSquaredError } from '@liminal/kenning/nn/operations/composed';
import { add } from '@liminal/kenning/nn/operations/elementwise';
import { gather, reshape } from '@liminal/kenning/nn/operations/layout';
import { DEFAULT_ADAM } from '@liminal/kenning/nn/optimizer';
import { initialParameters, parameterValues } from '@liminal/kenning/nn/parameters';
import { train } from '@liminal/kenning/nn/training';
import { type TrainingProblem, trainingLoop } from '@liminal/kenning/nn/training-loop';
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

const sizes = { inputs: 1, hidden: HIDDEN };
const head: DenseLayer[] = [{ name: 'head', inputs: HIDDEN, outputs: 1, activation: 'linear' }];

/** Forecasts the value after 32 by a linear layer on the last hidden state. */
const problem: TrainingProblem = {
  parameters: [...lstmParameters(sizes), ...denseParameters(head)],
  dataSets: { series: { shape: ['TIME', 1] } },
  stepInputs: { starts: { shape: [BATCH], type: 'int64' } },
  loss: (parameters, { series, starts }) => {
    const { graph } = starts!;
    const offsets = graph.constant([...Array(STEPS).keys()], [STEPS, 1], 'int64');
    const windows = reshape(gather(series!, add(offsets, starts!)), [STEPS * BATCH, 1]);
    const last = unrolledLstm(windows, parameters, { hidden: HIDDEN, steps: STEPS, batch: BATCH }).at(-1)!;
    const next = gather(series!, add(starts!, graph.constant([STEPS], [], 'int64')));
    return meanSquaredError(denseForward(last, head, parameters), next);
  },
};
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

/** The same for one window, in plain numbers. */
function forecast(window: Float32Array, parameters: Float32Array): number {
  const named = parameterValues(parameters, problem.parameters);
  const last = lstmValues(window, sizes, named).at(-1)!;
  return last.reduce((sum, value, unit) => sum + value * named.head_weight![unit]!, named.head_bias![0]!);
}
