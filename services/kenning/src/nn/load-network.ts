import { type DenseLayer, denseForward, denseParameters } from './dense-network.ts';
import { HURDLE_PARAMETERS, hurdleSurprise } from './hurdle-likelihood.ts';
import { lstmParameters, unrolledLstm } from './lstm-network.ts';
import { add, mul } from './operations/elementwise.ts';
import { gather, reshape, split, transpose } from './operations/layout.ts';
import { reduceMean } from './operations/reduction.ts';
import type { ParameterLayout } from './parameters.ts';
import type { TrainingProblem } from './training-loop.ts';

/** Values of a minute: log(1 + requests), sine and cosine of the time of day. */
export const MINUTE_VALUES = 3;

/** Columns of the targets: log(1 + requests) and whether there was any, of two minutes; whether the second is known. */
export const TARGET_COLUMNS = 5;

export interface LoadNetworkShape {
  /** Minutes of a history. */
  minutes: number;
  hidden: number;
}

/**
 * What is read from the state before the newest minute (about that minute) and after it (about the one that follows). Two
 * layers, since the two minutes are not alike: a vector is made while its user does something, so the minute that
 * follows the history has nearly always requests in it, and the newest of the history often has none.
 */
export function readOuts({ hidden }: LoadNetworkShape): { newest: DenseLayer; next: DenseLayer } {
  const layer = (name: string): DenseLayer => ({
    name,
    inputs: hidden,
    outputs: HURDLE_PARAMETERS,
    activation: 'linear',
  });
  return { newest: layer('newest'), next: layer('next') };
}

export function loadParameters(shape: LoadNetworkShape): ParameterLayout {
  const { newest, next } = readOuts(shape);
  return [...lstmParameters({ inputs: MINUTE_VALUES, hidden: shape.hidden }), ...denseParameters([newest, next])];
}

/** Names of the data sets and step inputs of `loadTraining`. */
export const LOAD_INPUTS = {
  /** [rows, minutes · `MINUTE_VALUES`], oldest minute first. */
  histories: 'histories',
  /** [rows, `TARGET_COLUMNS`]. */
  targets: 'targets',
  /** Positions of the rows of the batch. */
  positions: 'positions',
} as const;

/** Negative log-likelihood of the newest minute given those before, plus that of the next one where it is known. */
export function loadTraining(shape: LoadNetworkShape, batch: number): TrainingProblem {
  const { minutes, hidden } = shape;
  const { newest, next } = readOuts(shape);
  return {
    parameters: loadParameters(shape),
    dataSets: {
      [LOAD_INPUTS.histories]: { shape: ['ROWS', minutes * MINUTE_VALUES] },
      [LOAD_INPUTS.targets]: { shape: ['ROWS', TARGET_COLUMNS] },
    },
    stepInputs: { [LOAD_INPUTS.positions]: { shape: [batch], type: 'int64' } },
    loss: (parameters, { histories, targets, positions }) => {
      const byRow = reshape(gather(histories!, positions!), [batch, minutes, MINUTE_VALUES]);
      const byMinute = reshape(transpose(byRow, [1, 0, 2]), [minutes * batch, MINUTE_VALUES]);
      const states = unrolledLstm(byMinute, parameters, { hidden, steps: minutes, batch });
      const [newestLoad, newestActive, nextLoad, nextActive, nextKnown] = split(
        gather(targets!, positions!),
        Array<number>(TARGET_COLUMNS).fill(1),
        1,
      );
      const ofNewest = denseForward(states.at(-2)!, [newest], parameters);
      const ofNext = denseForward(states.at(-1)!, [next], parameters);
      return reduceMean(
        add(
          hurdleSurprise(ofNewest, newestLoad!, newestActive!),
          mul(hurdleSurprise(ofNext, nextLoad!, nextActive!), nextKnown!),
        ),
      );
    },
  };
}
