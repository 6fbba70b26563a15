import type { Tensor } from './differentiable-graph.ts';
import { add, mul, sigmoid, tanh } from './operations/elementwise.ts';
import { split } from './operations/layout.ts';
import { gemm } from './operations/linear.ts';
import type { ParameterLayout } from './parameters.ts';

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
 * The hidden states [batch, hidden] after each of `steps` time steps of an LSTM (Hochreiter & Schmidhuber 1997, with the
 * forget gate of Gers et al. 2000) that starts from a zero state, unrolled. `x` [steps · batch, inputs], all rows of a time
 * step together.
 */
export function unrolledLstm(
  x: Tensor,
  parameters: Readonly<Record<string, Tensor>>,
  { hidden, steps, batch }: { hidden: number; steps: number; batch: number },
): Tensor[] {
  const { lstm_weight: weight, lstm_recurrence: recurrence, lstm_bias: bias } = parameters;
  // The inputs' part of all steps at once: one large product instead of many small ones.
  const inputParts = split(
    gemm(x, weight!, bias, { transposeB: true }),
    Array.from({ length: steps }, () => batch),
    0,
  );
  const states: Tensor[] = [];
  let cell: Tensor | undefined;
  for (const inputPart of inputParts) {
    const last = states.at(-1);
    const sums = last ? gemm(last, recurrence!, inputPart, { transposeB: true }) : inputPart;
    const [gateSums, candidate] = split(sums, [3 * hidden, hidden], 1);
    const [input, output, forget] = split(sigmoid(gateSums!), [hidden, hidden, hidden], 1);
    const added = mul(input!, tanh(candidate!));
    cell = cell ? add(mul(forget!, cell), added) : added;
    states.push(mul(output!, tanh(cell)));
  }
  return states;
}
