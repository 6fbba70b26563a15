import { InferenceSession, Tensor } from 'onnxruntime-node';
import { LOOP, LOSS_OUTPUT } from './graph-names.ts';
import { type AdamOptions, type AdamState, adamRates } from './optimizer.ts';

/** Values of a float32 (`Float32Array`), float64 or int64 tensor in row-major order. */
export interface TensorValues {
  values: Float32Array | Float64Array | BigInt64Array;
  shape: readonly number[];
}

export interface OptimizerState extends AdamState<Float32Array> {
  /** Steps done so far. */
  step: number;
}

/** One thread: the products are too small for more to pay, and one thread adds up in one order. */
const SESSION_OPTIONS: InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  enableCpuMemArena: true,
  enableMemPattern: true,
  // Warnings are about optional clean-ups of the graph; errors are thrown.
  logSeverityLevel: 3,
};

export function initialState(parameters: Float32Array): OptimizerState {
  return {
    parameters,
    firstMoment: new Float32Array(parameters.length),
    secondMoment: new Float32Array(parameters.length),
    step: 0,
  };
}

/** A graph of `trainingLoop` in ONNX Runtime. Call `release` when done: sessions are not garbage-collected in time. */
export class TrainingSession {
  readonly #session: InferenceSession;
  readonly #optimizer: AdamOptions;
  readonly #dataSets: Record<string, Tensor>;

  private constructor(session: InferenceSession, optimizer: AdamOptions, dataSets: Record<string, Tensor>) {
    this.#session = session;
    this.#optimizer = optimizer;
    this.#dataSets = dataSets;
  }

  static async open(
    graph: Uint8Array,
    optimizer: AdamOptions,
    dataSets: Readonly<Record<string, TensorValues>>,
  ): Promise<TrainingSession> {
    const session = await InferenceSession.create(graph, SESSION_OPTIONS);
    return new TrainingSession(session, optimizer, ortTensors(dataSets));
  }

  /**
   * One step for each learning rate, in one run, which blocks the thread. `stepInputs` have the step as first axis.
   * `losses`: one a step, before its update.
   */
  async run(
    state: OptimizerState,
    learningRates: readonly number[],
    stepInputs: Readonly<Record<string, TensorValues>>,
  ): Promise<{ state: OptimizerState; losses: Float32Array }> {
    const steps = learningRates.length;
    const rates = learningRates.map((rate, index) => adamRates(rate, state.step + index + 1, this.#optimizer));
    const vector = (values: Float32Array) => new Tensor('float32', values, [values.length]);
    const outputs = await this.#session.run({
      [LOOP.parameters]: vector(state.parameters),
      [LOOP.firstMoment]: vector(state.firstMoment),
      [LOOP.secondMoment]: vector(state.secondMoment),
      [LOOP.steps]: new Tensor('int64', BigInt64Array.of(BigInt(steps)), []),
      [LOOP.learningRate]: vector(Float32Array.from(rates, ({ learningRate }) => learningRate)),
      [LOOP.stepSize]: vector(Float32Array.from(rates, ({ stepSize }) => stepSize)),
      [LOOP.secondMomentScale]: vector(Float32Array.from(rates, ({ secondMomentScale }) => secondMomentScale)),
      ...this.#dataSets,
      ...ortTensors(stepInputs),
    });
    const result = (name: string): Float32Array => outputs[name]!.data as Float32Array;
    return {
      state: {
        parameters: result(LOOP.nextParameters),
        firstMoment: result(LOOP.nextFirstMoment),
        secondMoment: result(LOOP.nextSecondMoment),
        step: state.step + steps,
      },
      losses: result(LOOP.losses),
    };
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

/** A graph of `lossGraph` with its inputs. Call `release` when done. */
export class LossSession {
  readonly #session: InferenceSession;
  readonly #inputs: Record<string, Tensor>;

  private constructor(session: InferenceSession, inputs: Record<string, Tensor>) {
    this.#session = session;
    this.#inputs = inputs;
  }

  static async open(graph: Uint8Array, inputs: Readonly<Record<string, TensorValues>>): Promise<LossSession> {
    return new LossSession(await InferenceSession.create(graph, SESSION_OPTIONS), ortTensors(inputs));
  }

  async loss(parameters: Float32Array): Promise<number> {
    const feeds = { [LOOP.parameters]: new Tensor('float32', parameters, [parameters.length]), ...this.#inputs };
    const outputs = await this.#session.run(feeds);
    return outputs[LOSS_OUTPUT]!.data[0] as number;
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

function ortTensors(tensors: Readonly<Record<string, TensorValues>>): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { values, shape }]) => [name, ortTensor(values, shape)] as const),
  );
}

function ortTensor(values: TensorValues['values'], shape: readonly number[]): Tensor {
  if (values instanceof Float32Array) return new Tensor('float32', values, shape);
  if (values instanceof Float64Array) return new Tensor('float64', values, shape);
  return new Tensor('int64', values, shape);
}
