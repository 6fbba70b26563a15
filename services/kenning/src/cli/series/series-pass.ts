import type { TerminalStream } from '@liminal/shared/runtime/progress';
import { createProgress } from '@liminal/shared/runtime/progress';
import { UsageError } from '@liminal/shared/runtime/usage-error';
import {
  SeriesDetector,
  type SeriesDetectorOptions,
  type SeriesVerdict,
} from '@liminal/shared/time-series/series-detector';
import { TableError } from '../table.ts';
import { type CounterReading, counterIncrease, NO_READING } from './counter-increase.ts';
import type { SeriesRows } from './series-file.ts';
import type { SeriesModel } from './series-model.ts';
import { detectorOptions } from './series-options.ts';
import { intervalMs, medianStepMs } from './timestamps.ts';

const ROWS_AT_ONCE = 1_000;

/** A detector that is about to judge a series, and how its times become numbers of intervals. */
export interface SeriesStart {
  detector: SeriesDetector;
  options: SeriesDetectorOptions;
  intervalMs: number;
  /** Time of interval 0. */
  originMs: number;
  /** Where the values are readings of a counter whose increase is judged: the newest one. */
  counter: CounterReading | undefined;
}

/** What a person says of a series when a detector begins with it. */
export interface SeriesSettings {
  interval?: string | undefined;
  option?: string[] | undefined;
  counter?: boolean | undefined;
}

/** A detector that has seen nothing. Throws `UsageError`, and `TableError` where the rows tell no interval. */
export function freshStart(
  path: string,
  { timesMs }: SeriesRows,
  { interval, option = [], counter = false }: SeriesSettings,
): SeriesStart {
  const step = interval === undefined ? medianStepOf(path, timesMs) : intervalMs(interval);
  const options = detectorOptions(option, step);
  return {
    detector: SeriesDetector.fresh(options),
    options,
    intervalMs: step,
    originMs: timesMs[0]!,
    counter: counter ? NO_READING : undefined,
  };
}

/** A detector that goes on after the rows it was trained on. Throws `TableError` where none of the rows is newer. */
function startAfter(path: string, { timesMs }: SeriesRows, model: SeriesModel): SeriesStart {
  if (timesMs.every((time) => time <= model.throughMs)) {
    const through = new Date(model.throughMs).toISOString();
    throw new TableError(`${path} ends before the model does, which has seen all until ${through}; give newer rows`);
  }
  const { detector, options, fromMs, counter } = model;
  return { detector, options, intervalMs: model.intervalMs, originMs: fromMs, counter };
}

/** Either of them. Settings belong to the training. Throws as they do. */
export function seriesStart(
  path: string,
  rows: SeriesRows,
  model: SeriesModel | undefined,
  settings: SeriesSettings,
): SeriesStart {
  if (model === undefined) return freshStart(path, rows, settings);
  if (Object.values(settings).every((value) => value === undefined)) return startAfter(path, rows, model);
  throw new UsageError('--interval, --option and --counter belong to the training: a model has them already.');
}

function medianStepOf(path: string, timesMs: Float64Array): number {
  try {
    return medianStepMs(timesMs);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new TableError(`${path}: ${error.message}; say --interval`, { cause: error });
  }
}

/** A verdict and the value that it is on: of a counter its increase. */
export type JudgedRow = SeriesVerdict & { value: number };

/**
 * The verdict on each row, in their order; `start` goes on with them. A row whose interval is not after that of the one before has
 * the status `late`. Rejects with the reason of the signal.
 */
export async function judge(
  start: SeriesStart,
  { timesMs, values }: SeriesRows,
  { label, signal, stderr }: { label: string; signal: AbortSignal; stderr: TerminalStream },
): Promise<JudgedRow[]> {
  const { detector, intervalMs: step, originMs } = start;
  const bar = createProgress({ label, total: 1, stream: stderr });
  const verdicts: JudgedRow[] = [];
  try {
    for (const [row, reading] of values.entries()) {
      const minute = Math.round((timesMs[row]! - originMs) / step);
      const value = start.counter === undefined ? reading : counterIncrease(start.counter, { minute, reading });
      const verdict = detector.update({ minute, value });
      verdicts.push({ ...verdict, value });
      if (start.counter !== undefined && verdict.status !== 'late') start.counter = { minute, reading };
      if (row % ROWS_AT_ONCE !== 0) continue;
      bar.update(row / values.length, `${row.toLocaleString('en')} rows`);
      await new Promise(setImmediate);
      signal.throwIfAborted();
    }
    return verdicts;
  } finally {
    bar.stop();
  }
}

/** What a person should know of rows without a score; empty where there is nothing. */
export function remarks(path: string, verdicts: readonly SeriesVerdict[]): string {
  const count = (status: SeriesVerdict['status']): number =>
    verdicts.filter((verdict) => verdict.status === status).length;
  const lines = [
    { rows: count('late'), why: 'are not later than a row before them, by an interval at least, and were passed over' },
    { rows: count('warming-up'), why: 'came while the detector warmed up, and have no score' },
  ];
  return lines
    .filter(({ rows }) => rows > 0)
    .map(({ rows, why }) => `${path}: ${rows} rows ${why}.\n`)
    .join('');
}
