import { DEFAULT_LOAD_LSTM } from '@liminal/kenning/detectors/load-lstm';
import { LOAD_INPUTS, loadTraining, MINUTE_VALUES, TARGET_COLUMNS } from '@liminal/kenning/nn/load-network';
import { LOAD_HISTORY_MINUTES as MINUTES } from '@liminal/shared/contracts/feature-vector';
import { Random } from '@liminal/shared/runtime/random';
import { type BenchmarkData, compareTraining, ROWS } from './training-steps.ts';

export const name = 'LSTM: training';

/** Steps of Adam of the LSTM of a release, unrolled here: 33 minutes of 3 values, two read-outs, likelihood of a hurdle model. */
export async function run(): Promise<void> {
  const { hidden, batchRows } = DEFAULT_LOAD_LSTM;
  await compareTraining({
    name: `${name}, ${hidden} units, ${batchRows} histories a step`,
    network: 'lstm',
    problem: loadTraining({ minutes: MINUTES, hidden }, batchRows),
    data: simulatedLoads(),
    positions: LOAD_INPUTS.positions,
    batch: batchRows,
    steps: 100,
    aim: 2.5,
  });
}

/** What every minute holds is drawn around a level of its own: something that both can learn. */
function simulatedLoads(): BenchmarkData[] {
  const random = new Random(1);
  const histories = new Float32Array(ROWS * MINUTES * MINUTE_VALUES);
  const targets = new Float32Array(ROWS * TARGET_COLUMNS);
  for (let row = 0; row < ROWS; row++) {
    const level = random.exponential(10);
    const time = random.int(1440);
    const draw = (): number => (random.next() < 0.6 ? 0 : Math.log1p(Math.ceil(random.exponential(level))));
    for (let minute = 0; minute < MINUTES; minute++) {
      const angle = (2 * Math.PI * (time - MINUTES + minute)) / 1440;
      histories.set([draw(), Math.sin(angle), Math.cos(angle)], (row * MINUTES + minute) * MINUTE_VALUES);
    }
    const newest = histories[((row + 1) * MINUTES - 1) * MINUTE_VALUES]!;
    const next = draw();
    targets.set([newest, newest > 0 ? 1 : 0, next, next > 0 ? 1 : 0, 1], row * TARGET_COLUMNS);
  }
  return [
    { name: LOAD_INPUTS.histories, columns: MINUTES * MINUTE_VALUES, values: histories },
    { name: LOAD_INPUTS.targets, columns: TARGET_COLUMNS, values: targets },
  ];
}

if (import.meta.main) await run();
