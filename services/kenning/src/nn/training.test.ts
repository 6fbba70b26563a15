import { setImmediate } from 'node:timers/promises';
import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import {
  type AutoencoderNetwork,
  autoencoderNetwork,
  autoencoderTraining,
  autoencoderValidation,
} from './autoencoder-network.ts';
import { DEFAULT_ADAM } from './optimizer.ts';
import { initialParameters } from './parameters.ts';
import { trainInThread } from './train-in-thread.ts';
import { type TrainingTask, train } from './training.ts';
import { TrainingDivergedError } from './training-diverged-error.ts';
import { lossGraph, trainingLoop } from './training-loop.ts';

const COLUMNS = 6;
const ROWS = 240;
const HELD_OUT = 40;

const network: AutoencoderNetwork = autoencoderNetwork({
  columns: COLUMNS,
  hidden: 12,
  code: 2,
  hiddenActivation: 'relu',
  codeActivation: 'linear',
});

/** Rows that lie near a plane, so that a code of two can learn them. */
function planeRows(rows: number, seed: number): { values: Float32Array; shape: number[] } {
  const random = new Random(seed);
  const basis = new Random(99);
  const directions = Array.from({ length: 2 * COLUMNS }, () => basis.normal());
  const values = new Float32Array(rows * COLUMNS);
  for (let row = 0; row < rows; row++) {
    const [a, b] = [random.normal(), random.normal()];
    for (let column = 0; column < COLUMNS; column++) {
      values[row * COLUMNS + column] =
        a * directions[column]! + b * directions[COLUMNS + column]! + 0.1 * random.normal();
    }
  }
  return { values, shape: [rows, COLUMNS] };
}

const ones = (rows: number) => ({ values: new Float32Array(rows * COLUMNS).fill(1), shape: [rows, COLUMNS] });

function taskOf(overrides: Partial<TrainingTask> = {}): TrainingTask {
  const problem = autoencoderTraining(network, 32);
  return {
    loop: trainingLoop(problem, DEFAULT_ADAM),
    dataSets: { rows: planeRows(ROWS, 1), observed: ones(ROWS) },
    stepDraws: {
      positions: { kind: 'shuffled', rows: ROWS, batch: 32 },
      kept: { kind: 'kept', keep: 0.9, shape: [32, COLUMNS] },
    },
    initialParameters: initialParameters(problem.parameters, new Random(3)),
    optimizer: DEFAULT_ADAM,
    learningRate: { kind: 'cosine', initial: 1e-2 },
    steps: 400,
    stepsPerRun: 50,
    seed: 4,
    ...overrides,
  };
}

const validationOf = (patience: number): TrainingTask['validation'] => ({
  loss: lossGraph(autoencoderValidation(network, HELD_OUT)),
  inputs: { rows: planeRows(HELD_OUT, 2), observed: ones(HELD_OUT) },
  patience,
});

describe.each([
  ['in this thread', train],
  ['in a thread of its own', trainInThread],
])('training %s', (_, run) => {
  it('lowers the loss to what the noise leaves', async () => {
    const { losses, validationLosses, bestStep } = await run(taskOf({ validation: validationOf(8) }));
    expect(losses).toHaveLength(400);
    expect(losses[0]).toBeGreaterThan(0.5);
    expect(validationLosses).toHaveLength(8);
    expect(Math.min(...validationLosses)).toBeLessThan(0.1);
    expect(bestStep).toBe(50 * (1 + validationLosses.indexOf(Math.min(...validationLosses))));
  });

  it('gives the same bits for the same seed, others for another', async () => {
    const first = await run(taskOf());
    expect(await run(taskOf())).toEqual(first);
    expect((await run(taskOf({ seed: 5 }))).parameters).not.toEqual(first.parameters);
  });

  it('does not depend on how many steps go into a run', async () => {
    const { parameters } = await run(taskOf());
    expect((await run(taskOf({ stepsPerRun: 33 }))).parameters).toEqual(parameters);
  });

  it('tells its progress, from 0 to 1 and never back', async () => {
    const shares: number[] = [];
    await run(taskOf(), { onProgress: (share) => shares.push(share) });
    expect(shares[0]).toBe(0);
    expect(shares.at(-1)).toBe(1);
    expect(shares.length).toBeGreaterThan(8);
    expect(shares.toSorted((a, b) => a - b)).toEqual(shares);
  });

  it('stops at the signal with its reason', async () => {
    const cancellation = new AbortController();
    const reason = new Error('enough');
    const shares: number[] = [];
    const onProgress = (share: number): void => {
      shares.push(share);
      if (share > 0.2) cancellation.abort(reason);
    };
    await expect(run(taskOf(), { onProgress, signal: cancellation.signal })).rejects.toBe(reason);
    expect(shares.at(-1)).toBe(0.25);
    await expect(run(taskOf(), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it('stops where the loss is no number, naming the step and what to do', async () => {
    const diverging = run(taskOf({ learningRate: { kind: 'constant', initial: 1e30 } }));
    await expect(diverging).rejects.toThrow(TrainingDivergedError);
    await expect(diverging).rejects.toThrow(/^the loss is (NaN|Infinity) at step \d+: lower the learning rate/);
    const rows = planeRows(ROWS, 1);
    rows.values[7] = Number.NaN;
    const poisoned = run(taskOf({ dataSets: { rows, observed: ones(ROWS) } }));
    // Row 1 is in the first pass over the rows.
    await expect(poisoned).rejects.toThrow(/at step [1-8]:/);
  });

  it('stops when the validation loss has not fallen for a while, and gives the best parameters', async () => {
    // A rate so high that the loss jumps about: the best parameters are not the last ones.
    const wild = { learningRate: { kind: 'constant', initial: 0.3 }, steps: 2000, stepsPerRun: 10 } as const;
    const stopped = await run(taskOf({ ...wild, validation: validationOf(5) }));
    expect(stopped.losses.length).toBeLessThan(2000);
    expect(stopped.losses.length).toBe(stopped.bestStep + 5 * 10);
    const upToBest = await run(taskOf({ ...wild, steps: stopped.bestStep }));
    expect(upToBest.parameters).toEqual(stopped.parameters);
  });
});

describe('a training thread', () => {
  it('leaves the event loop of its caller free', async () => {
    const turnsDuring = async (training: Promise<unknown>): Promise<number> => {
      let turns = 0;
      let isTraining = true;
      const ended = training.finally(() => {
        isTraining = false;
      });
      while (isTraining) {
        await setImmediate();
        turns++;
      }
      await ended;
      return turns;
    };
    const task = taskOf({ steps: 4000, stepsPerRun: 1000 });
    // Four runs block the thread that they are in.
    expect(await turnsDuring(train(task))).toBeLessThan(50);
    expect(await turnsDuring(trainInThread(task))).toBeGreaterThan(500);
  });

  it('passes on what goes wrong in it', async () => {
    await expect(trainInThread(taskOf({ loop: new Uint8Array(3) }))).rejects.toThrow('protobuf');
  });
});
