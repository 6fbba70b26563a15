import { UsageError } from '@liminal/shared/runtime/usage-error';
import { SeriesDetector } from '@liminal/shared/time-series/series-detector';
import type { CommandContext } from '../command.ts';
import { writeWhole } from '../write-whole.ts';
import { thresholdFor } from './alarm-threshold.ts';
import { readSeries, type SeriesFile } from './series-file.ts';
import { encodeSeriesModel } from './series-model.ts';
import { freshStart, judge, remarks, type SeriesSettings, type SeriesStart } from './series-pass.ts';
import { intervalText } from './timestamps.ts';

const DAY_MS = 86_400_000;
/** Above any score but that of a standstill, which is at least the threshold. */
const UNREACHED = 1e9;

export interface SeriesTraining {
  out: string;
  settings: SeriesSettings;
  /** Alarms that the series itself may give at most; the threshold is as in the options without it. */
  alarmsPerDay: number | undefined;
}

/** Runs a detector over a series and writes it, so that it can go on with what comes next. */
export async function trainSeries(
  file: SeriesFile,
  { out, settings, alarmsPerDay }: SeriesTraining,
  context: CommandContext,
): Promise<void> {
  const { path } = file.csv;
  const rows = await readSeries(file, context);
  const start = freshStart(path, rows, settings);
  if (alarmsPerDay !== undefined) {
    start.options.alarmThreshold = await chosenThreshold(start, rows, alarmsPerDay, context);
    start.detector = SeriesDetector.fresh(start.options);
  }
  const verdicts = await judge(start, rows, { ...context, label: 'train' });
  const { detector, options, intervalMs, counter } = start;
  const throughMs = rows.timesMs.reduce((newest, time) => Math.max(newest, time));
  const model = { fromMs: start.originMs, throughMs, rows: rows.times.length, intervalMs, options, detector, counter };
  await writeWhole(out, new TextEncoder().encode(encodeSeriesModel(model)));
  const alarms = verdicts.filter(({ alarm }) => alarm).length;
  const judged = verdicts.filter(({ status }) => status === 'judged').length;
  context.stderr.write(
    `${out}: ${rows.times.length} rows, one every ${intervalText(intervalMs)}; threshold ${Number(options.alarmThreshold.toPrecision(4))} ` +
      `gives ${alarms} alarms on the ${judged} rows that were judged\n${remarks(path, verdicts)}`,
  );
}

async function chosenThreshold(
  { options, ...start }: SeriesStart,
  rows: Awaited<ReturnType<typeof readSeries>>,
  alarmsPerDay: number,
  context: CommandContext,
): Promise<number> {
  const unreached = { ...options, alarmThreshold: UNREACHED };
  const detector = SeriesDetector.fresh(unreached);
  const verdicts = await judge({ ...start, options: unreached, detector }, rows, { ...context, label: 'threshold' });
  const judged = verdicts.flatMap(({ status, score }, row) => {
    if (status !== 'judged') return [];
    const minute = Math.round((rows.timesMs[row]! - start.originMs) / start.intervalMs);
    return [{ minute, score: score >= UNREACHED ? Number.POSITIVE_INFINITY : score }];
  });
  if (judged.length === 0) {
    throw new UsageError('--alarms-per-day: no row was judged, since the series is no longer than the warm-up.');
  }
  const days = ((judged.at(-1)!.minute - judged[0]!.minute + 1) * start.intervalMs) / DAY_MS;
  return thresholdFor(judged, Math.floor(alarmsPerDay * days), options.silenceMinutes);
}
