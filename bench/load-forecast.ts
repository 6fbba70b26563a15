import { DEFAULT_LOAD_LSTM } from '@liminal/kenning/detectors/load-lstm';
import { ModelSession } from '@liminal/kenning/onnx/model-session';
import { releaseRows } from '@liminal/kenning/pipelines/release-rows';
import { splitRows, type TrainingRows } from '@liminal/kenning/pipelines/split-rows';
import { trainLoadLstm } from '@liminal/kenning/pipelines/train-load-lstm';
import { DEFAULT_RELEASE_TRAINING } from '@liminal/kenning/pipelines/train-release-models';
import { wholeHistories } from '@liminal/kenning/pipelines/whole-histories';
import { factoryRows } from '@liminal/kenning/training/factory-rows';
import { MINUTE_MS } from '@liminal/shared/contracts/feature-vector';
import { ewmaForecast } from '@liminal/shared/features/load-forecast';
import { Random } from '@liminal/shared/runtime/random';

export const name = 'forecast of the load';

const PLATFORMS = [300, 1_500];
const SEEDS = [1, 2, 3, 4, 5];

/**
 * The LSTM of a release, trained on a simulated day of normal traffic, on a day of other people: each user and minute once, as
 * the predictor checks its forecasts. Beside it what needs no history (the median of the training), and what needs no
 * learning. Aims: an error 10% below both moving average and persistence; 88 to 92% of the loads inside the interval.
 */
export async function run(): Promise<void> {
  for (const users of PLATFORMS) {
    const measured: Measured[] = [];
    for (const seed of SEEDS) measured.push(await measure(users, seed));
    const mean = (of: (one: Measured) => number) => measured.reduce((sum, one) => sum + of(one), 0) / measured.length;
    const total: Measured = {
      seconds: mean(({ seconds }) => seconds),
      minutes: mean(({ minutes }) => minutes),
      errors: Object.fromEntries(
        ERRORS.map((name) => [name, mean(({ errors }) => errors[name])]),
      ) as Measured['errors'],
      inside: mean(({ inside }) => inside),
      width: mean(({ width }) => width),
    };
    console.log(`${users} users`);
    console.table(
      Object.fromEntries([
        ...SEEDS.map((seed, index) => [`seed ${seed}`, shown(measured[index]!)]),
        ['mean', shown(total)],
      ]),
    );
  }
}

const ERRORS = ['lstm', 'ewma', 'persistence', 'median'] as const;

interface Measured {
  /** Of the training. */
  seconds: number;
  minutes: number;
  /** Mean absolute errors in requests. */
  errors: Record<(typeof ERRORS)[number], number>;
  /** Share of the loads in the interval. */
  inside: number;
  /** Mean width of the interval in requests. */
  width: number;
}

function shown({ seconds, minutes, errors, inside, width }: Measured): Record<string, string | number> {
  const below = (other: number) => `−${(100 * (1 - errors.lstm / other)).toFixed(1)}%`;
  return {
    'training s': Number(seconds.toFixed(1)),
    minutes: Math.round(minutes),
    ...Object.fromEntries(ERRORS.map((name) => [`${name} MAE`, Number(errors[name].toFixed(2))])),
    'to ewma': below(errors.ewma),
    'to persistence': below(errors.persistence),
    'to median': below(errors.median),
    'inside 90%': `${(100 * inside).toFixed(1)}%`,
    width: Number(width.toFixed(1)),
  };
}

interface Day extends TrainingRows {
  ts: Float64Array;
}

function day(seed: number, platformUsers: number): Day {
  const recorded = factoryRows({ seed, platformUsers });
  const numbers = new Map([...new Set(recorded.users)].map((user, number) => [user, number]));
  const groups = Int32Array.from(recorded.users, (user) => numbers.get(user)!);
  return { ...releaseRows({ ...recorded, userNumbers: groups }), groups, ts: recorded.ts };
}

async function measure(platformUsers: number, seed: number): Promise<Measured> {
  const rows = day(seed, platformUsers);
  const split = splitRows(rows, DEFAULT_RELEASE_TRAINING, new Random(seed));
  const startedAt = performance.now();
  const outcome = await trainLoadLstm(split, DEFAULT_LOAD_LSTM, { seed });
  const seconds = (performance.now() - startedAt) / 1000;
  if ('reason' in outcome) throw new Error(outcome.reason);
  const fresh = day(seed + 1_000, platformUsers);
  const { rows: whole, histories, nextLoads } = wholeHistories(fresh);
  const session = await ModelSession.open(outcome.model.onnx);
  const { load, lower, upper } = outcome.model.forecast!;
  const [loads, lowers, uppers] = await session.outputs(histories, [load, lower, upper]);
  await session.release();

  const known = wholeHistories(split.training)
    .nextLoads.filter((next) => !Number.isNaN(next))
    .sort();
  const median = known[known.length >> 1]!;
  const errors = { lstm: 0, ewma: 0, persistence: 0, median: 0 };
  let [minutes, inside, width] = [0, 0, 0];
  const checked = new Set<string>();
  for (const [place, row] of whole.entries()) {
    const actual = nextLoads[place]!;
    const minute = `${fresh.groups![row]} ${Math.floor(fresh.ts[row]! / MINUTE_MS)}`;
    if (Number.isNaN(actual) || checked.has(minute)) continue;
    checked.add(minute);
    const start = place * histories.columns;
    const history = histories.values.subarray(start, start + histories.columns - 1);
    minutes++;
    errors.lstm += Math.abs(loads![place]! - actual);
    errors.ewma += Math.abs(ewmaForecast(history) - actual);
    errors.persistence += Math.abs(history.at(-1)! - actual);
    errors.median += Math.abs(median - actual);
    if (lowers![place]! <= actual && actual <= uppers![place]!) inside++;
    width += uppers![place]! - lowers![place]!;
  }
  for (const name of ERRORS) errors[name] /= minutes;
  return { seconds, minutes, errors, inside: inside / minutes, width: width / minutes };
}

if (import.meta.main) await run();
