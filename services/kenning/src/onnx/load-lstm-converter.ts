import { FLOAT32_MAX } from '../detectors/float32.ts';
import { type LoadLstm, MINUTES_PER_DAY } from '../detectors/load-lstm.ts';
import { biasName, type DenseLayer, weightName } from '../nn/dense-network.ts';
import { SMALLEST_SCALE } from '../nn/hurdle-likelihood.ts';
import { loadParameters, MINUTE_VALUES, readOuts } from '../nn/load-network.ts';
import { parameterValues } from '../nn/parameters.ts';
import type { GraphBuilder, Value } from './graph-builder.ts';
import { dataTypeOf } from './tensor-type.ts';

/**
 * Outputs of an LSTM's graph beside its score, about the minute that follows the history: [N, 3] location, scale and log odds
 * of `HurdleLogistic`; and [N, 1] in requests: its median, and the ends of the interval.
 */
export const FORECAST_OUTPUTS = {
  distribution: 'forecast_distribution',
  load: 'forecast',
  lower: 'forecast_lower',
  upper: 'forecast_upper',
} as const;

/** e to this is still a float32. */
const LARGEST_LOG_LOAD = 88;
const SMALLEST_ODDS = 1e-12;

/**
 * Raw `features` [N, minutes + 1], NaN = not observed → surprise of the newest minute [N, 1], named `name`; see
 * `loadSurprises`. Also makes the distribution of the next minute an output and, where `intervalLevel` is given (see
 * there), the forecast and its interval.
 */
export function loadLstmScore(
  graph: GraphBuilder,
  features: Value,
  fitted: LoadLstm,
  name: string,
  intervalLevel?: number,
): Value {
  const { minutes, hidden } = fitted;
  const parameters = parameterValues(fitted.parameters, loadParameters(fitted));
  const zero = scalar(graph, 'no_load', 0);
  const [loads, timeOfDay] = splitColumns(graph, features, [minutes, 1], 'history_sizes');
  const present = graph.node('Where', [graph.node('IsNaN', [loads]), zero, loads]);
  const possible = graph.node('Clip', [present, zero, scalar(graph, 'largest_load', FLOAT32_MAX)]);
  const logLoads = graph.node('Log', [graph.node('Add', [possible, scalar(graph, 'one', 1)])]);

  const states = lstmStates(graph, [logLoads, ...clock(graph, timeOfDay!, minutes, zero)], fitted, parameters);
  const stateAfter = (minute: number, what: string): Value =>
    graph.node('Reshape', [
      graph.node('Gather', [states, graph.constant(`${what}_step`, 'int64', [minute], [])]),
      graph.constant(`${what}_shape`, 'int64', [-1, hidden], [2]),
    ]);
  const layers = readOuts(fitted);
  const newest = distribution(graph, stateAfter(minutes - 2, 'newest'), layers.newest, parameters);
  const next = distribution(graph, stateAfter(minutes - 1, 'next'), layers.next, parameters);
  graph.floatOutput(
    graph.node('Concat', [next.location, next.scale, next.logOdds], {
      name: FORECAST_OUTPUTS.distribution,
      attributes: { axis: { int: 1 } },
    }),
    ['N', 3],
  );
  if (intervalLevel !== undefined) {
    const shares = { load: 0.5, lower: intervalLevel / 2, upper: 1 - intervalLevel / 2 };
    for (const what of ['load', 'lower', 'upper'] as const) {
      graph.floatOutput(quantile(graph, next, shares[what], what), ['N', 1]);
    }
  }
  const [, newestLog] = splitColumns(graph, logLoads, [minutes - 1, 1], 'log_load_sizes');
  return surpriseNode(graph, newest, newestLog!, zero, name);
}

interface DistributionValues {
  location: Value;
  scale: Value;
  logOdds: Value;
}

/** Sine and cosine [N, minutes] of the time of day of each minute; 0 where it is not known. */
function clock(graph: GraphBuilder, timeOfDay: Value, minutes: number, zero: Value): Value[] {
  const offsets = Float32Array.from({ length: minutes }, (_, minute) => minute - minutes);
  const times = graph.node('Add', [timeOfDay, graph.floatConstant('minute_offsets', offsets, [1, minutes])]);
  const angles = graph.node('Mul', [times, scalar(graph, 'angle_of_minute', (2 * Math.PI) / MINUTES_PER_DAY)]);
  const known = graph.node('Sub', [angles, angles]);
  // Infinite minus infinite is NaN as well.
  const isUnknown = graph.node('IsNaN', [known]);
  return ['Sin', 'Cos'].map((operator) => graph.node('Where', [isUnknown, zero, graph.node(operator, [angles])]));
}

/** Columns [N, minutes] of what the network takes of a minute → hidden states [minutes, 1, N, hidden]. */
function lstmStates(
  graph: GraphBuilder,
  columns: readonly Value[],
  { hidden }: LoadLstm,
  { lstm_weight, lstm_recurrence, lstm_bias }: Readonly<Record<string, Float32Array>>,
): Value {
  const lastAxis = graph.constant('value_axis', 'int64', [2], [1]);
  const byMinute = columns.map((column) => {
    const transposed = graph.node('Transpose', [column], { attributes: { perm: { ints: [1, 0] } } });
    return graph.node('Unsqueeze', [transposed, lastAxis]);
  });
  const [states] = graph.nodes(
    'LSTM',
    [
      graph.node('Concat', byMinute, { attributes: { axis: { int: 2 } } }),
      graph.floatConstant('lstm_weight', lstm_weight!, [1, 4 * hidden, MINUTE_VALUES]),
      graph.floatConstant('lstm_recurrence', lstm_recurrence!, [1, 4 * hidden, hidden]),
      // ONNX has a second bias, of the recurrence.
      graph.floatConstant('lstm_bias', Float32Array.of(...lstm_bias!, ...new Float32Array(4 * hidden)), [
        1,
        8 * hidden,
      ]),
    ],
    1,
    { attributes: { hidden_size: { int: hidden } } },
  );
  return states!;
}

function distribution(
  graph: GraphBuilder,
  state: Value,
  { name, inputs, outputs }: DenseLayer,
  parameters: Readonly<Record<string, Float32Array>>,
): DistributionValues {
  const [weight, bias] = [weightName(name), biasName(name)];
  const values = graph.node('Gemm', [
    state,
    graph.floatConstant(weight, parameters[weight]!, [inputs, outputs]),
    graph.floatConstant(bias, parameters[bias]!, [outputs]),
  ]);
  const [location, rawScale, logOdds] = splitColumns(graph, values, [1, 1, 1], `${name}_sizes`);
  const floor = scalar(graph, `${name}_smallest_scale`, SMALLEST_SCALE);
  const scale = graph.node('Add', [graph.node('Softplus', [rawScale!]), floor]);
  return { location: location!, scale, logOdds: logOdds! };
}

/** See `loadQuantile`; in float64, since near its zeros the share and the odds all but cancel. */
function quantile(
  graph: GraphBuilder,
  { location, scale, logOdds }: DistributionValues,
  share: number,
  what: 'load' | 'lower' | 'upper',
): Value {
  const constant = (name: string, value: number) => graph.constant(`${what}_${name}`, 'float64', [value], []);
  const above = constant('above', 1 - share);
  const zero = constant('none', 0);
  const excess = graph.node('Sub', [graph.node('Sigmoid', [cast(graph, logOdds, 'float64')]), above]);
  const odds = graph.node('Max', [graph.node('Div', [excess, above]), constant('least', SMALLEST_ODDS)]);
  const beyond = graph.node('Mul', [cast(graph, scale, 'float64'), graph.node('Log', [odds])]);
  const logLoad = graph.node('Add', [cast(graph, location, 'float64'), beyond]);
  const bounded = graph.node('Clip', [logLoad, zero, constant('most', LARGEST_LOG_LOAD)]);
  const load = graph.node('Sub', [graph.node('Exp', [bounded]), constant('one', 1)]);
  const found = graph.node('Where', [graph.node('Greater', [excess, zero]), load, zero]);
  return cast(graph, found, 'float32', FORECAST_OUTPUTS[what]);
}

/** See `surprise`. */
function surpriseNode(
  graph: GraphBuilder,
  { location, scale, logOdds }: DistributionValues,
  logLoad: Value,
  zero: Value,
  name: string,
): Value {
  const z = graph.node('Div', [graph.node('Sub', [logLoad, location]), scale]);
  const twice = graph.node('Mul', [graph.node('Softplus', [z]), scalar(graph, 'two', 2)]);
  const size = graph.node('Add', [graph.node('Sub', [twice, z]), graph.node('Log', [scale])]);
  const active = graph.node('Add', [graph.node('Softplus', [graph.node('Neg', [logOdds])]), size]);
  const isActive = graph.node('Greater', [logLoad, zero]);
  return graph.node('Where', [isActive, active, graph.node('Softplus', [logOdds])], { name });
}

function splitColumns(graph: GraphBuilder, values: Value, sizes: readonly number[], name: string): Value[] {
  return graph.nodes('Split', [values, graph.constant(name, 'int64', sizes, [sizes.length])], sizes.length, {
    attributes: { axis: { int: 1 } },
  });
}

function cast(graph: GraphBuilder, value: Value, type: 'float32' | 'float64', name?: string): Value {
  return graph.node('Cast', [value], { attributes: { to: { int: dataTypeOf(type) } }, ...(name && { name }) });
}

const scalar = (graph: GraphBuilder, name: string, value: number): Value =>
  graph.floatConstant(name, Float32Array.of(value), []);
