import { readFileSync } from 'node:fs';
import { Random } from '@liminal/shared/runtime/random';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { autoencoderNetwork, autoencoderTraining } from './autoencoder-network.ts';
import { type DenseLayer, denseForward, denseParameters } from './dense-network.ts';
import { DifferentiableGraph, type Tensor } from './differentiable-graph.ts';
import { type LearningRateSchedule, learningRate } from './learning-rate.ts';
import { loadParameters, loadTraining } from './load-network.ts';
import { lstmParameters, unrolledLstm } from './lstm-network.ts';
import { lstmValues } from './lstm-values.ts';
import { meanSquaredError } from './operations/composed.ts';
import { concat, gather, reshape } from './operations/layout.ts';
import { type AdamOptions, DEFAULT_ADAM } from './optimizer.ts';
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

  it('are those of central differences: LSTM of the load, unknown and empty minutes among the targets', async () => {
    const problem = loadTraining({ minutes: 12, hidden: 6 }, 5);
    const random = new Random(6);
    const targets = [
      [1.1, 1, 2.3, 1, 1],
      [0, 0, 0.7, 1, 1],
      [2.2, 1, 0, 0, 1],
      [0.7, 1, 0, 0, 0],
      [0, 0, 0, 0, 1],
    ];
    const build = ([flat]: readonly Tensor[], graph: DifferentiableGraph): Tensor =>
      problem.loss(unpackParameters(flat!, problem.parameters), {
        histories: graph.constant(
          Float64Array.from({ length: 5 * 36 }, () => random.normal()),
          [5, 36],
        ),
        targets: graph.constant(targets.flat(), [5, 5]),
        positions: graph.constant([4, 0, 3, 1, 2], [5], 'int64'),
      });
    const inputs = [[parameterCount(problem.parameters)]];
    expect(await gradientError({ inputs, build, draw: (r) => 0.4 * r.normal() })).toBeLessThan(1e-6);
  });
});

describe('unrolled LSTM', () => {
  it('gives what the ONNX operator LSTM and plain numbers give with the same weights, after every step', async () => {
    const [inputs, hidden, steps, batch] = [3, 5, 9, 4];
    const layout = lstmParameters({ inputs, hidden });
    const random = new Random(7);
    const flat = initialParameters(layout, random);
    const x = Float32Array.from({ length: steps * batch * inputs }, () => random.normal());
    const graph = new DifferentiableGraph();
    const parameters = graph.constant(flat, [flat.length]);
    const input = graph.input('x', [steps * batch, inputs]);
    const states = unrolledLstm(input, unpackParameters(parameters, layout), { hidden, steps, batch });
    graph.output(concat(states, 0), 'unrolled');
    const { lstm_weight, lstm_recurrence, lstm_bias } = parameterValues(flat, layout);
    const bias = Float32Array.of(...lstm_bias!, ...new Float32Array(4 * hidden));
    const { builder } = graph;
    const [all] = builder.nodes(
      'LSTM',
      [
        reshape(input, [steps, batch, inputs]),
        graph.constant(lstm_weight!, [1, 4 * hidden, inputs]),
        graph.constant(lstm_recurrence!, [1, 4 * hidden, hidden]),
        graph.constant(bias, [1, 8 * hidden]),
      ],
      1,
      { attributes: { hidden_size: { int: hidden } } },
    );
    builder.floatOutput(builder.node('Identity', [all], { name: 'operator' }), [steps, 1, batch, hidden]);
    const session = await InferenceSession.create(graph.build('lstm'), { intraOpNumThreads: 1 });
    const outputs = await session.run({ x: new OrtTensor('float32', x, [steps * batch, inputs]) });
    await session.release();
    const unrolled = outputs.unrolled!.data as Float32Array;
    const operator = outputs.operator!.data as Float32Array;
    expect(unrolled).toHaveLength(steps * batch * hidden);
    const plain = new Float64Array(steps * batch * hidden).fill(Number.NaN);
    for (let row = 0; row < batch; row++) {
      const ofRow = [...Array(steps).keys()].flatMap((step) =>
        Array.from(x.subarray((step * batch + row) * inputs, (step * batch + row + 1) * inputs)),
      );
      for (const [step, state] of lstmValues(ofRow, { inputs, hidden }, parameterValues(flat, layout)).entries()) {
        for (const [unit, value] of state.entries()) plain[(step * batch + row) * hidden + unit] = value;
      }
    }
    expect(Math.max(...unrolled.map((value, index) => Math.abs(value - operator[index]!)))).toBeLessThan(1e-6);
    expect(Math.max(...unrolled.map((value, index) => Math.abs(value - plain[index]!)))).toBeLessThan(1e-6);
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

interface DenseGolden {
  batch: number;
  autoencoderSizes: number[];
  rows: number[];
  autoencoder: (GoldenCase & { activation: 'tanh' | 'relu' })[];
}

interface LoadGolden {
  batch: number;
  minutes: number;
  hidden: number;
  histories: number[];
  targets: number[];
  cases: GoldenCase[];
}

const goldenOf = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../test/goldens/${name}.golden.json`, import.meta.url), 'utf8'));

function caseName({ schedule, weightDecay, maxGradientNorm }: GoldenCase): string {
  return `${schedule} rate, ${weightDecay.kind} decay ${weightDecay.rate}, norm ${maxGradientNorm}`;
}

describe('200 Adam steps from the same start', () => {
  const dense = goldenOf('training') as DenseGolden;
  const load = goldenOf('load-training') as LoadGolden;

  /** Largest difference of the losses to PyTorch's. `data`: [rows, columns] by name. */
  async function lossDifference(
    problem: TrainingProblem,
    { losses, start, ...options }: GoldenCase,
    batch: number,
    data: Record<string, { values: number[]; columns: number }>,
  ): Promise<number> {
    const optimizer: AdamOptions = {
      ...DEFAULT_ADAM,
      weightDecay: options.weightDecay,
      maxGradientNorm: options.maxGradientNorm ?? Number.POSITIVE_INFINITY,
    };
    const dataSets = Object.fromEntries(
      Object.entries(data).map(([name, { values, columns }]) => [
        name,
        { values: Float32Array.from(values), shape: [values.length / columns, columns] },
      ]),
    );
    const rows = Object.values(dataSets)[0]!.shape[0]!;
    const session = await TrainingSession.open(trainingLoop(problem, optimizer), optimizer, dataSets);
    let state = initialState(Float32Array.from(start));
    let largest = 0;
    for (const first of [0, 50, 100, 150]) {
      const steps = Array.from({ length: 50 }, (_, index) => first + index);
      const values = BigInt64Array.from(
        steps.flatMap((step) => Array.from({ length: batch }, (_, i) => BigInt((37 * step + 11 * i) % rows))),
      );
      const schedule = { kind: options.schedule, initial: options.learningRate };
      const rates = steps.map((step) => learningRate(schedule, step, losses.length));
      const run = await session.run(state, rates, { positions: { values, shape: [50, batch] } });
      state = run.state;
      run.losses.forEach((loss, index) => {
        largest = Math.max(largest, Math.abs(loss - losses[first + index]!));
      });
    }
    await session.release();
    return largest;
  }

  it.each(dense.autoencoder.map((one) => [`${one.activation}, ${caseName(one)}`, one] as const))(
    'follow the losses of PyTorch: autoencoder, %s',
    async (_, one) => {
      const sizes = dense.autoencoderSizes;
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
        stepInputs: { positions: { shape: [dense.batch], type: 'int64' } },
        loss: (parameters, { rows, positions }) => {
          const x = gather(rows!, positions!);
          return meanSquaredError(denseForward(x, layers, parameters), x);
        },
      };
      const data = { rows: { values: dense.rows, columns } };
      expect(await lossDifference(problem, one, dense.batch, data)).toBeLessThan(1e-5);
    },
  );

  it.each(load.cases.map((one) => [caseName(one), one] as const))(
    'follow the losses of PyTorch: LSTM of the load, %s',
    async (_, one) => {
      const problem = loadTraining(load, load.batch);
      expect(one.start).toHaveLength(parameterCount(loadParameters(load)));
      const data = {
        histories: { values: load.histories, columns: load.minutes * 3 },
        targets: { values: load.targets, columns: 5 },
      };
      expect(await lossDifference(problem, one, load.batch, data)).toBeLessThan(1e-5);
    },
  );
});
