import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_ADAM } from '@liminal/kenning/nn/optimizer';
import { initialParameters } from '@liminal/kenning/nn/parameters';
import { StepInputs } from '@liminal/kenning/nn/step-draws';
import { type TrainingProblem, trainingLoop } from '@liminal/kenning/nn/training-loop';
import { initialState, TrainingSession } from '@liminal/kenning/nn/training-session';
import { Random } from '@liminal/shared/runtime/random';
import { findPython, PythonPeer } from './peers/python-peer.ts';

export const ROWS = 25_600;
const STEPS_PER_RUN = 100;
const ROUNDS = 15;
const LEARNING_RATE = 1e-3;

/** A data set of the problem, row-major [`ROWS`, columns]. */
export interface BenchmarkData {
  name: string;
  columns: number;
  values: Float32Array;
}

interface TrainingBenchmark {
  name: string;
  /** What the peer calls the network. */
  network: 'autoencoder' | 'lstm';
  problem: TrainingProblem;
  data: readonly BenchmarkData[];
  /** Name of the step input with the positions of a batch. */
  positions: string;
  batch: number;
  /** Steps a round. */
  steps: number;
  aim: number;
}

/**
 * Steps a second of the same network, batch and optimiser here and in PyTorch, one thread each, taking turns; medians of
 * the rounds. Ours include drawing the batches.
 */
export async function compareTraining(benchmark: TrainingBenchmark): Promise<void> {
  const { name, network, problem, data, batch, steps, aim } = benchmark;
  const python = findPython(['torch']);
  if (python === undefined) {
    console.warn(`SKIPPED ${name}: no python3 with PyTorch (Debian: apt-get install python3-torch)`);
    return;
  }
  const directory = await mkdtemp(join(tmpdir(), 'liminal-bench-'));
  const file = join(directory, 'rows.f32');
  await writeFile(file, Buffer.concat(data.map(({ values }) => new Uint8Array(values.buffer))));
  const columns = data.map((dataSet) => String(dataSet.columns));
  const peer = new PythonPeer(python, './training.py', [network, file, ...columns]);
  const dataSets = Object.fromEntries(
    data.map((set) => [set.name, { values: set.values, shape: [ROWS, set.columns] }]),
  );
  const session = await TrainingSession.open(trainingLoop(problem, DEFAULT_ADAM), DEFAULT_ADAM, dataSets);
  try {
    const version = await peer.ready();
    const random = new Random(1);
    let state = initialState(initialParameters(problem.parameters, random));
    const inputs = new StepInputs({ [benchmark.positions]: { kind: 'shuffled', rows: ROWS, batch } }, random);
    const ourSeconds = async (): Promise<number> => {
      const start = performance.now();
      for (let done = 0; done < steps; done += STEPS_PER_RUN) {
        const rates = Array<number>(STEPS_PER_RUN).fill(LEARNING_RATE);
        state = (await session.run(state, rates, inputs.next(STEPS_PER_RUN))).state;
      }
      return (performance.now() - start) / 1000;
    };
    const theirSeconds = async (): Promise<number> => (await peer.seconds({ steps }))[0]!;
    await ourSeconds();
    await theirSeconds();
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(await ourSeconds());
      theirs.push(await theirSeconds());
    }
    const line = (what: string, seconds: number) => ({
      training: what,
      'steps/s': Math.round(steps / seconds),
      ratio: Number((median(theirs) / seconds).toFixed(2)),
      aim,
    });
    console.table([line('ours, in ONNX Runtime', median(ours)), line(version, median(theirs))]);
  } finally {
    peer.stop();
    await session.release();
    await rm(directory, { recursive: true });
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
