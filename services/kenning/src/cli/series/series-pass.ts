import type { TerminalStream } from '@liminal/shared/runtime/progress';
import { createProgress } from '@liminal/shared/runtime/progress';
import { UsageError } from '@liminal/shared/runtime/usage-error';
import {
  SeriesDetector,
  type SeriesDetectorOptions,
  type SeriesVerdict,
} from '@liminal/shared/time-series/series-detector';
import { TableError } from '../table.ts';
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
}

/** A detector that has seen nothing. Throws `UsageError`, and `TableError` where the rows tell no interval. */
export function freshStart(
  path: string,
  { timesMs }: SeriesRows,
  { interval, settings }: { interval: string | undefined; settings: readonly string[] },
): SeriesStart {
  const step = interval === undefined ? medianStepOf(path, timesMs) : intervalMs(interval);
  const options = detectorOptions(settings, step);
  return { detector: SeriesDetector.fresh(options), options, intervalMs: step, originMs: timesMs[0]! };
}

/** A detector that goes on after the rows it was trained on. Throws `TableError` where none of the rows is newer. */
export function startAfter(path: string, { timesMs }: SeriesRows, model: SeriesModel): SeriesStart {
  if (timesMs.every((time) => time <= model.throughMs)) {
    const through = new Date(model.throughMs).toISOString();
    throw new TableError(`${path} ends before the model does, which has seen all until ${through}; give newer rows`);
  }
  const { detector, options, fromMs } = model;
  return { detector, options, intervalMs: model.intervalMs, originMs: fromMs };
}

/** Either of them. Options belong to the training. Throws as they do. */
export function seriesStart(
  path: string,
  rows: SeriesRows,
  model: SeriesModel | undefined,
  { interval, option = [] }: { interval?: string | undefined; option?: string[] | undefined },
): SeriesStart {
  if (model === undefined) return freshStart(path, rows, { interval, settings: option });
  if (interval === undefined && option.length === 0) return startAfter(path, rows, model);
  throw new UsageError('--interval and --option belong to the training: a model has them already.');
}

function medianStepOf(path: string, timesMs: Float64Array): number {
  try {
    return medianStepMs(timesMs);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new TableError(`${path}: ${error.message}; say --interval`, { cause: error });
  }
}

/**
 * The verdict on each row. A row whose interval is not after that of the one before has the status `late`. Rejects with the
 * reason of the signal.
 */
export async function judge(
  { detector, intervalMs: step, originMs }: SeriesStart,
  { timesMs, values }: SeriesRows,
  { label, signal, stderr }: { label: string; signal: AbortSignal; stderr: TerminalStream },
): Promise<SeriesVerdict[]> {
  const bar = createProgress({ label, total: 1, stream: stderr });
  const verdicts: SeriesVerdict[] = [];
  try {
    for (const [row, value] of values.entries()) {
      verdicts.push(detector.update({ minute: Math.round((timesMs[row]! - originMs) / step), value }));
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
