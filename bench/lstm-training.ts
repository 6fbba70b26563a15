import { lstmForecasting } from '@liminal/kenning/nn/lstm-network';
import { COLUMNS, compareTraining } from './training-steps.ts';

export const name = 'LSTM: training';
const BATCH = 128;
const STEPS = 32;

/** Steps of Adam of an LSTM over 32 time steps with 32 hidden units, unrolled here, 128 windows a step. */
export async function run(): Promise<void> {
  await compareTraining({
    name,
    network: 'lstm',
    problem: lstmForecasting({ inputs: COLUMNS, hidden: 32, steps: STEPS }, BATCH),
    dataSet: 'series',
    positions: 'starts',
    positionCount: (rows) => rows - STEPS,
    batch: BATCH,
    steps: 100,
    aim: 2.5,
  });
}

if (import.meta.main) await run();
