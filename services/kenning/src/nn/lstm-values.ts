import type { LstmSizes } from './lstm-network.ts';

/**
 * The hidden states after each step of an LSTM from a zero state, in float64 and plain numbers: what an exported graph is
 * checked against. `steps` [count · inputs] of one row; see `lstmParameters` for the parameters.
 */
export function lstmValues(
  steps: ArrayLike<number>,
  { inputs, hidden }: LstmSizes,
  { lstm_weight: weight, lstm_recurrence: recurrence, lstm_bias: bias }: Readonly<Record<string, Float32Array>>,
): Float64Array[] {
  const states: Float64Array[] = [];
  const cell = new Float64Array(hidden);
  let state = new Float64Array(hidden);
  for (let start = 0; start < steps.length; start += inputs) {
    const sums = Float64Array.from(bias!);
    for (let unit = 0; unit < sums.length; unit++) {
      for (let input = 0; input < inputs; input++)
        sums[unit]! += weight![unit * inputs + input]! * steps[start + input]!;
      for (let other = 0; other < hidden; other++) sums[unit]! += recurrence![unit * hidden + other]! * state[other]!;
    }
    state = new Float64Array(hidden);
    for (let unit = 0; unit < hidden; unit++) {
      const [input, output, forget] = [0, 1, 2].map((gate) => 1 / (1 + Math.exp(-sums[gate * hidden + unit]!)));
      cell[unit] = forget! * cell[unit]! + input! * Math.tanh(sums[3 * hidden + unit]!);
      state[unit] = output! * Math.tanh(cell[unit]!);
    }
    states.push(state);
  }
  return states;
}
