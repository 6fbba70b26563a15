import { type DenseLayer, denseForward, denseParameters } from './dense-network.ts';
import type { Tensor } from './differentiable-graph.ts';
import { meanSquaredError } from './operations/composed.ts';
import { add, mul, sigmoid, tanh } from './operations/elementwise.ts';
import { gather, reshape, split } from './operations/layout.ts';
import { gemm } from './operations/linear.ts';
import type { ParameterLayout } from './parameters.ts';
import type { TrainingProblem } from './training-loop.ts';

export interface LstmSizes {
  /** Values a time step. */
  inputs: number;
  hidden: number;
}

/**
 * `lstm_weight` [4·hidden, inputs], `lstm_recurrence` [4·hidden, hidden] and `lstm_bias` [4·hidden] with the gates in
 * ONNX's order (input, output, forget, cell), so that the ONNX operator LSTM takes them as they are.
 */
export function lstmParameters({ inputs, hidden }: LstmSizes): ParameterLayout {
  return [
    { name: 'lstm_weight', shape: [4 * hidden, inputs], fanIn: hidden },
    { name: 'lstm_recurrence', shape: [4 * hidden, hidden], fanIn: hidden },
    { name: 'lstm_bias', shape: [4 * hidden], fanIn: hidden },
  ];
}

/**
 * The last hidden state [batch, hidden] of an LSTM (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000)
 * from a zero state, unrolled over `steps`. `x` [steps · batch, inputs], all rows of a time step together.
 */
export function unrolledLstm(
  x: Tensor,
  parameters: Readonly<Record<string, Tensor>>,
  { hidden, steps, batch }: { hidden: number; steps: number; batch: number },
): Tensor {
  const { lstm_weight: weight, lstm_recurrence: recurrence, lstm_bias: bias } = parameters;
  // The inputs' part of all steps at once: one large product instead of many small ones.
  const inputParts = split(
    gemm(x, weight!, bias, { transposeB: true }),
    Array.from({ length: steps }, () => batch),
    0,
  );
  let state: { hidden: Tensor; cell: Tensor } | undefined;
  for (const inputPart of inputParts) {
    const sums = state ? gemm(state.hidden, recurrence!, inputPart, { transposeB: true }) : inputPart;
    const [gateSums, candidate] = split(sums, [3 * hidden, hidden], 1);
    const [input, output, forget] = split(sigmoid(gateSums!), [hidden, hidden, hidden], 1);
    const added = mul(input!, tanh(candidate!));
    const cell: Tensor = state ? add(mul(forget!, state.cell), added) : added;
    state = { cell, hidden: mul(output!, tanh(cell)) };
  }
  if (state === undefined) throw new RangeError('an LSTM takes at least one step');
  return state.hidden;
}

/**
 * Forecasts the values that follow `steps` time steps by a linear layer on the last hidden state; mean squared error. Data
 * set `series` [TIME, inputs]; step input `starts`: where the windows of the batch begin.
 */
export function lstmForecasting(
  { inputs, hidden, steps }: LstmSizes & { steps: number },
  batch: number,
): TrainingProblem {
  const head: DenseLayer[] = [{ name: 'head', inputs: hidden, outputs: inputs, activation: 'linear' }];
  return {
    parameters: [...lstmParameters({ inputs, hidden }), ...denseParameters(head)],
    dataSets: { series: { shape: ['TIME', inputs] } },
    stepInputs: { starts: { shape: [batch], type: 'int64' } },
    loss: (parameters, { series, starts }) => {
      const { graph } = starts!;
      const offsets = graph.constant([...Array(steps).keys()], [steps, 1], 'int64');
      const windows = reshape(gather(series!, add(offsets, starts!)), [steps * batch, inputs]);
      const last = unrolledLstm(windows, parameters, { hidden, steps, batch });
      const next = gather(series!, add(starts!, graph.constant([steps], [], 'int64')));
      return meanSquaredError(denseForward(last, head, parameters), next);
    },
  };
}
