import { readFileSync } from 'node:fs';
import { Random } from '@liminal/shared/runtime/random';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { type AdamOptions, DEFAULT_ADAM } from './adam.ts';
import { autoencoderNetwork, autoencoderTraining } from './autoencoder-network.ts';
import { type DenseLayer, denseForward, denseParameters } from './dense-network.ts';
import { DifferentiableGraph, type Tensor } from './differentiable-graph.ts';
import { type LearningRateSchedule, learningRate } from './learning-rate.ts';
import { lstmForecasting, lstmParameters, unrolledLstm } from './lstm-network.ts';
import { meanSquaredError } from './operations/composed.ts';
import { gather, reshape } from './operations/layout.ts';
import { initialParameters, parameterCount, parameterValues, unpackParameters } from './parameters.ts';
import { gradientError } from './testing/gradient-check.ts';
import { type TrainingProblem, trainingLoop } from './training-loop.ts';
import { initialState, TrainingSession } from './training-session.ts';

describe('gradients of whole networks', () => {
  it('are those of central differences: autoencoder with masked and missing inputs', async () => {
    const problem = autoencoderTraining(
      autoencoderNetwork({ columns: 7, hidden: 16, code: 2, hiddenActivation: 'relu', codeActivation: 'linear' }),
      24,
    );
    const random = new Random(5);
    const of = (share: number, count: number) =>
      Float64Array.from({ length: count }, () => (random.next() < share ? 1 : 0));
    const build = ([flat]: readonly Tensor[], graph: DifferentiableGraph): Tensor =>
      problem.loss(unpackParameters(flat!, problem.parameters), {
        rows: graph.constant(
          Float64Array.from({ length: 30 * 7 }, () => random.normal()),
          [30, 7],
        ),
        observed: graph.constant(of(0.8, 30 * 7), [30, 7]),
        positions: graph.constant(random.sample(30, 24), [24], 'int64'),
        kept: graph.constant(of(0.8, 24 * 7), [24, 7]),
      });
    const inputs = [[parameterCount(problem.parameters)]];
    // Far from the kinks of ReLU: a difference across one is not a gradient.
    expect(await gradientError({ inputs, build, draw: (r) => 0.4 * r.normal() })).toBeLessThan(1e-6);
  });

  it('are those of central differences: unrolled LSTM', async () => {
    const problem = lstmForecasting({ inputs: 2, hidden: 6, steps: 12 }, 5);
    const random = new Random(6);
    const build = ([flat]: readonly Tensor[], graph: DifferentiableGraph): Tensor =>
      problem.loss(unpackParameters(flat!, problem.parameters), {
        series: graph.constant(
          Float64Array.from({ length: 40 * 2 }, () => random.normal()),
          [40, 2],
        ),
        starts: graph.constant([0, 3, 9, 20, 27], [5], 'int64'),
      });
    const inputs = [[parameterCount(problem.parameters)]];
    expect(await gradientError({ inputs, build, draw: (r) => 0.4 * r.normal() })).toBeLessThan(1e-6);
  });
});

describe('unrolled LSTM', () => {
  it('gives what the ONNX operator LSTM gives with the same weights', async () => {
    const [inputs, hidden, steps, batch] = [3, 5, 9, 4];
    const layout = lstmParameters({ inputs, hidden });
    const random = new Random(7);
    const flat = initialParameters(layout, random);
    const x = Float32Array.from({ length: steps * batch * inputs }, () => random.normal());
    const graph = new DifferentiableGraph();
    const parameters = graph.constant(flat, [flat.length]);
    const input = graph.input('x', [steps * batch, inputs]);
    graph.output(unrolledLstm(input, unpackParameters(parameters, layout), { hidden, steps, batch }), 'unrolled');
    const { lstm_weight, lstm_recurrence, lstm_bias } = parameterValues(flat, layout);
    const bias = Float32Array.of(...lstm_bias!, ...new Float32Array(4 * hidden));
    const { builder } = graph;
    const [, last] = builder.nodes(
      'LSTM',
      [
        reshape(input, [steps, batch, inputs]),
        graph.constant(lstm_weight!, [1, 4 * hidden, inputs]),
        graph.constant(lstm_recurrence!, [1, 4 * hidden, hidden]),
        graph.constant(bias, [1, 8 * hidden]),
      ],
      2,
      { attributes: { hidden_size: { int: hidden } } },
    );
    builder.floatOutput(builder.node('Identity', [last], { name: 'operator' }), [1, batch, hidden]);
    const session = await InferenceSession.create(graph.build('lstm'), { intraOpNumThreads: 1 });
    const outputs = await session.run({ x: new OrtTensor('float32', x, [steps * batch, inputs]) });
    await session.release();
    const unrolled = outputs.unrolled!.data as Float32Array;
    const operator = outputs.operator!.data as Float32Array;
    expect(unrolled).toHaveLength(batch * hidden);
    expect(Math.max(...unrolled.map((value, index) => Math.abs(value - operator[index]!)))).toBeLessThan(1e-6);
  });
});

interface GoldenCase {
  learningRate: number;
  schedule: LearningRateSchedule['kind'];
  weightDecay: AdamOptions['weightDecay'];
  maxGradientNorm: number | null;
  start: number[];
  losses: number[];
}

interface Golden {
  batch: number;
  autoencoderSizes: number[];
  lstmSizes: { inputs: number; hidden: number; steps: number };
  rows: number[];
  series: number[];
  autoencoder: (GoldenCase & { activation: 'tanh' | 'relu' })[];
  lstm: GoldenCase[];
}

function caseName({ activation, schedule, weightDecay, maxGradientNorm }: Golden['autoencoder'][number]): string {
  return `${activation}, ${schedule} rate, ${weightDecay.kind} decay ${weightDecay.rate}, norm ${maxGradientNorm}`;
}

describe('200 Adam steps from the same start', () => {
  const path = new URL('../../test/goldens/training.golden.json', import.meta.url);
  const golden = JSON.parse(readFileSync(path, 'utf8')) as Golden;
  const { batch } = golden;

  /** Largest difference of the losses to PyTorch's. */
  async function lossDifference(
    problem: TrainingProblem,
    { losses, start, ...options }: GoldenCase,
    data: { name: string; values: number[]; positions: string; count: number; columns: number },
  ): Promise<number> {
    const optimizer: AdamOptions = {
      ...DEFAULT_ADAM,
      weightDecay: options.weightDecay,
      maxGradientNorm: options.maxGradientNorm ?? Number.POSITIVE_INFINITY,
    };
    const dataSets = {
      [data.name]: {
        values: Float32Array.from(data.values),
        shape: [data.values.length / data.columns, data.columns],
      },
    };
    const session = await TrainingSession.open(trainingLoop(problem, optimizer), optimizer, dataSets);
    let state = initialState(Float32Array.from(start));
    let largest = 0;
    for (const first of [0, 50, 100, 150]) {
      const steps = Array.from({ length: 50 }, (_, index) => first + index);
      const values = BigInt64Array.from(
        steps.flatMap((step) => Array.from({ length: batch }, (_, i) => BigInt((37 * step + 11 * i) % data.count))),
      );
      const schedule = { kind: options.schedule, initial: options.learningRate };
      const rates = steps.map((step) => learningRate(schedule, step, losses.length));
      const run = await session.run(state, rates, { [data.positions]: { values, shape: [50, batch] } });
      state = run.state;
      run.losses.forEach((loss, index) => {
        largest = Math.max(largest, Math.abs(loss - losses[first + index]!));
      });
    }
    await session.release();
    return largest;
  }

  it.each(golden.autoencoder.map((one) => [caseName(one), one] as const))(
    'follow the losses of PyTorch: autoencoder, %s',
    async (_, one) => {
      const sizes = golden.autoencoderSizes;
      const layers = sizes.slice(1).map(
        (outputs, index): DenseLayer => ({
          name: `layer_${index}`,
          inputs: sizes[index]!,
          outputs,
          activation: index + 2 < sizes.length ? one.activation : 'linear',
        }),
      );
      const columns = sizes[0]!;
      const problem: TrainingProblem = {
        parameters: denseParameters(layers),
        dataSets: { rows: { shape: ['ROWS', columns] } },
        stepInputs: { positions: { shape: [batch], type: 'int64' } },
        loss: (parameters, { rows, positions }) => {
          const x = gather(rows!, positions!);
          return meanSquaredError(denseForward(x, layers, parameters), x);
        },
      };
      const count = golden.rows.length / columns;
      const data = { name: 'rows', values: golden.rows, positions: 'positions', count, columns };
      expect(await lossDifference(problem, one, data)).toBeLessThan(1e-5);
    },
  );

  it.each(golden.lstm)('follow the losses of PyTorch: LSTM', async (one) => {
    const { inputs: columns, steps } = golden.lstmSizes;
    const count = golden.series.length / columns - steps;
    const data = { name: 'series', values: golden.series, positions: 'starts', count, columns };
    expect(await lossDifference(lstmForecasting(golden.lstmSizes, batch), one, data)).toBeLessThan(1e-5);
  });
});
