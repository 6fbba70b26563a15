import { Random } from '@liminal/shared/runtime/random';
import { denseValues } from '../nn/dense-values.ts';
import { SMALLEST_SCALE } from '../nn/hurdle-likelihood.ts';
import {
  LOAD_INPUTS,
  loadParameters,
  loadTraining,
  MINUTE_VALUES,
  readOuts,
  TARGET_COLUMNS,
} from '../nn/load-network.ts';
import { lstmValues } from '../nn/lstm-values.ts';
import { type AdamOptions, DEFAULT_ADAM } from '../nn/optimizer.ts';
import { initialParameters, parameterValues } from '../nn/parameters.ts';
import { trainInThread } from '../nn/train-in-thread.ts';
import { trainingLoop } from '../nn/training-loop.ts';
import { assertFittable, type FitContext } from './detector.ts';
import { FLOAT32_MAX } from './float32.ts';
import { type HurdleLogistic, surprise, surpriseMagnitude } from './hurdle-logistic.ts';
import { type Matrix, takeRows } from './matrix.ts';

export interface LoadLstmOptions {
  /** Units of the LSTM. */
  hidden: number;
  /** Optimiser steps. */
  steps: number;
  /** Histories a step. */
  batchRows: number;
  /** At the start; falls to 0 along a cosine. */
  learningRate: number;
  maxGradientNorm: number;
}

/** Everything that scoring and forecasting need. */
export interface LoadLstm {
  /** Minutes of a history. */
  minutes: number;
  hidden: number;
  /** In the order of `loadParameters`. */
  parameters: Float32Array;
}

export interface LoadHistories {
  /**
   * [rows, minutes + 1]: requests of each whole minute, oldest first, then the minute of the day (UTC, 0 to 1439) that
   * follows the newest. A load that was not observed counts as 0, an unknown time of day as none.
   */
  histories: Matrix;
  /** Requests of the minute that follows, one a row; NaN where it is not known. */
  nextLoads: Float32Array;
}

/** Surprises and forecasts from one history. */
export interface LoadDistributions {
  /** Of the newest minute, given those before. */
  newest: HurdleLogistic;
  /** Of the minute that follows the history. */
  next: HurdleLogistic;
}

export const DEFAULT_LOAD_LSTM: LoadLstmOptions = {
  hidden: 16,
  steps: 400,
  batchRows: 128,
  learningRate: 1e-2,
  maxGradientNorm: 1,
};

export const MINUTES_PER_DAY = 1_440;
const STEPS_PER_RUN = 50;
/** Fewer minutes leave nothing to forecast the newest from. */
const FEWEST_MINUTES = 2;

/**
 * Fits an LSTM on load histories by maximum likelihood, see `loadTraining`. The same rows, options and seed give the same
 * bits. Throws `RangeError` on options that make no sense, no rows, or infinite values.
 */
export async function fitLoadLstm(
  { histories, nextLoads }: LoadHistories,
  options: LoadLstmOptions,
  { seed, onProgress, signal }: FitContext,
): Promise<LoadLstm> {
  assertFittable(histories, 'native');
  assertOptions(options);
  const minutes = histories.columns - 1;
  if (minutes < FEWEST_MINUTES)
    throw new RangeError(`a history has at least ${FEWEST_MINUTES} minutes, not ${minutes}`);
  signal?.throwIfAborted();
  onProgress?.(0);
  signal?.throwIfAborted();
  const { hidden, steps, batchRows } = options;
  const random = new Random(seed);
  // No step would ever see more of them.
  const chosen = random.sample(histories.rows, Math.min(histories.rows, steps * batchRows));
  const drawn = takeRows(histories, chosen);
  const problem = loadTraining({ minutes, hidden }, batchRows);
  const optimizer: AdamOptions = { ...DEFAULT_ADAM, maxGradientNorm: options.maxGradientNorm };
  const { parameters } = await trainInThread(
    {
      loop: trainingLoop(problem, optimizer),
      dataSets: {
        [LOAD_INPUTS.histories]: { values: minuteValues(drawn), shape: [drawn.rows, minutes * MINUTE_VALUES] },
        [LOAD_INPUTS.targets]: {
          values: targets(drawn, chosen, nextLoads),
          shape: [drawn.rows, TARGET_COLUMNS],
        },
      },
      stepDraws: { [LOAD_INPUTS.positions]: { kind: 'shuffled', rows: drawn.rows, batch: batchRows } },
      initialParameters: initialParameters(problem.parameters, random.fork()),
      optimizer,
      learningRate: { kind: 'cosine', initial: options.learningRate },
      steps,
      stepsPerRun: STEPS_PER_RUN,
      seed: random.fork().uint32(),
    },
    { signal, onProgress: (share) => share > 0 && onProgress?.(share) },
  );
  return { minutes, hidden, parameters };
}

/** The distributions of each row, in float64. `histories`: as in `LoadHistories`. */
export function loadDistributions(fitted: LoadLstm, histories: Matrix): LoadDistributions[] {
  assertWidth(fitted, histories);
  const { newest, next } = readOuts(fitted);
  const parameters = parameterValues(fitted.parameters, loadParameters(fitted));
  const values = minuteValues(histories);
  const width = fitted.minutes * MINUTE_VALUES;
  const sizes = { inputs: MINUTE_VALUES, hidden: fitted.hidden };
  return Array.from({ length: histories.rows }, (_, row) => {
    const states = lstmValues(values.subarray(row * width, (row + 1) * width), sizes, parameters);
    return {
      newest: toDistribution(denseValues(states.at(-2)!, [newest], parameters)),
      next: toDistribution(denseValues(states.at(-1)!, [next], parameters)),
    };
  });
}

/** How surprising the newest minute of each row is, given those before: higher = more anomalous. */
export function loadSurprises(distributions: readonly LoadDistributions[], { values, columns }: Matrix): Float64Array {
  return Float64Array.from(distributions, ({ newest }, row) =>
    surprise(newest, possibleLoad(values[row * columns + columns - 2]!)),
  );
}

/** What the rounding of its distribution does to the surprise of each row, see `surpriseMagnitude`. */
export function surpriseMagnitudes(
  distributions: readonly LoadDistributions[],
  { values, columns }: Matrix,
): Float64Array {
  return Float64Array.from(distributions, ({ newest }, row) =>
    surpriseMagnitude(newest, possibleLoad(values[row * columns + columns - 2]!)),
  );
}

/** Finite and not negative; not observed = none. */
const possibleLoad = (load: number): number => (Number.isNaN(load) ? 0 : Math.min(Math.max(load, 0), FLOAT32_MAX));

/** [rows, minutes · `MINUTE_VALUES`] of what the network takes. */
function minuteValues({ values, rows, columns }: Matrix): Float32Array {
  const minutes = columns - 1;
  const result = new Float32Array(rows * minutes * MINUTE_VALUES);
  for (let row = 0; row < rows; row++) {
    const timeOfDay = values[row * columns + minutes]!;
    for (let minute = 0; minute < minutes; minute++) {
      const target = (row * minutes + minute) * MINUTE_VALUES;
      const angle = (2 * Math.PI * (timeOfDay - minutes + minute)) / MINUTES_PER_DAY;
      result[target] = Math.log1p(possibleLoad(values[row * columns + minute]!));
      result[target + 1] = Number.isFinite(angle) ? Math.sin(angle) : 0;
      result[target + 2] = Number.isFinite(angle) ? Math.cos(angle) : 0;
    }
  }
  return result;
}

function targets({ values, rows, columns }: Matrix, chosen: Int32Array, nextLoads: Float32Array): Float32Array {
  const result = new Float32Array(rows * TARGET_COLUMNS);
  for (let row = 0; row < rows; row++) {
    const newest = possibleLoad(values[row * columns + columns - 2]!);
    const next = nextLoads[chosen[row]!]!;
    const nextLoad = possibleLoad(next);
    result.set(
      [Math.log1p(newest), newest > 0 ? 1 : 0, Math.log1p(nextLoad), nextLoad > 0 ? 1 : 0, Number.isNaN(next) ? 0 : 1],
      row * TARGET_COLUMNS,
    );
  }
  return result;
}

function toDistribution([location, rawScale, logOdds]: Float64Array): HurdleLogistic {
  const softplus = Math.max(rawScale!, 0) + Math.log1p(Math.exp(-Math.abs(rawScale!)));
  return { location: location!, scale: softplus + SMALLEST_SCALE, logOdds: logOdds! };
}

function assertWidth({ minutes }: LoadLstm, { columns }: Matrix): void {
  if (columns === minutes + 1) return;
  throw new RangeError(
    `the LSTM was fitted on ${minutes} minutes and the time of day, these rows have ${columns} columns`,
  );
}

function assertOptions(options: LoadLstmOptions): void {
  for (const name of ['hidden', 'steps', 'batchRows'] as const) {
    const value = options[name];
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`${name} must be a whole number from 1, not ${value}`);
    }
  }
  for (const name of ['learningRate', 'maxGradientNorm'] as const) {
    const value = options[name];
    if (!(value > 0)) throw new RangeError(`${name} must be above 0, not ${value}`);
  }
}
