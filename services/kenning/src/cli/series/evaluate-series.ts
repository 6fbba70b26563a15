import type { SeriesVerdict } from '@liminal/shared/time-series/series-detector';
import { auroc, averagePrecision } from '../../evaluation/ranking.ts';
import { seriesAlarms } from '../../evaluation/series-alarms.ts';
import type { CommandContext } from '../command.ts';
import { readSeries, type SeriesFile } from './series-file.ts';
import type { SeriesModel } from './series-model.ts';
import { judge, remarks, type SeriesSettings, seriesStart } from './series-pass.ts';
import { durationText } from './timestamps.ts';

const DAY_MS = 86_400_000;

export interface SeriesEvaluation {
  rows: number;
  judgedRows: number;
  alarms: number;
  /** Share of the alarms within an anomaly; null without alarms. */
  precision: number | null;
  /** Spans of rows with label 1, and how many of them have an alarm. */
  anomalies: number;
  foundAnomalies: number;
  /** Null without anomalies. */
  recall: number | null;
  /** Null where none was found. */
  medianDelayMs: number | null;
  falseAlarmsPerDay: number;
  /** Of the rows that were judged, by their scores; null unless there are rows of both kinds. */
  auroc: number | null;
  averagePrecision: number | null;
}

export interface SeriesEvaluating {
  model: SeriesModel | undefined;
  json: boolean;
  settings: SeriesSettings;
}

/** Writes how the alarms and the scores of a series compare with its labels. */
export async function evaluateSeries(
  file: SeriesFile,
  { model, json, settings }: SeriesEvaluating,
  context: CommandContext,
): Promise<void> {
  const { path } = file.csv;
  const rows = await readSeries(file, context);
  const start = seriesStart(path, rows, model, settings);
  const verdicts = await judge(start, rows, { ...context, label: 'evaluate' });
  const evaluation = evaluated(verdicts, rows.labels, start.intervalMs);
  context.stdout.write(json ? `${JSON.stringify(evaluation, null, 2)}\n` : asText(path, evaluation));
  context.stderr.write(remarks(path, verdicts));
}

function evaluated(verdicts: readonly SeriesVerdict[], labels: Uint8Array, intervalMs: number): SeriesEvaluation {
  const isJudged = Uint8Array.from(verdicts, ({ status }) => Number(status === 'judged'));
  const alarmed = Uint8Array.from(verdicts, ({ alarm }) => Number(alarm));
  const { alarms, trueAlarms, anomalies, found, medianDelayRows } = seriesAlarms({ labels, alarms: alarmed, isJudged });
  const judged = verdicts.filter(({ status }) => status === 'judged');
  const ranked = { scores: judged.map(({ score }) => score), labels: labels.filter((_, row) => isJudged[row] === 1) };
  const hasBoth = ranked.labels.includes(0) && ranked.labels.includes(1);
  const days = (judged.length * intervalMs) / DAY_MS;
  return {
    rows: verdicts.length,
    judgedRows: judged.length,
    alarms,
    precision: alarms === 0 ? null : trueAlarms / alarms,
    anomalies,
    foundAnomalies: found,
    recall: anomalies === 0 ? null : found / anomalies,
    medianDelayMs: Number.isNaN(medianDelayRows) ? null : medianDelayRows * intervalMs,
    falseAlarmsPerDay: days === 0 ? 0 : (alarms - trueAlarms) / days,
    auroc: hasBoth ? auroc(ranked) : null,
    averagePrecision: hasBoth ? averagePrecision(ranked) : null,
  };
}

function asText(path: string, evaluation: SeriesEvaluation): string {
  const { rows, judgedRows, alarms, anomalies, foundAnomalies, medianDelayMs } = evaluation;
  const share = (value: number | null): string => (value === null ? '–' : value.toFixed(4));
  const lines = [
    ['alarms', String(alarms)],
    ['false alarms a day', evaluation.falseAlarmsPerDay.toPrecision(2)],
    ['precision', share(evaluation.precision)],
    ['anomalies found', `${foundAnomalies} of ${anomalies}`],
    ['recall', share(evaluation.recall)],
    ['median delay', medianDelayMs === null ? '–' : durationText(medianDelayMs)],
    ['AUROC of the rows', share(evaluation.auroc)],
    ['average precision', share(evaluation.averagePrecision)],
  ];
  const width = Math.max(...lines.map(([name]) => name!.length));
  return `${path}: ${rows} rows, ${judgedRows} of them judged\n\n${lines
    .map(([name, text]) => `${name!.padEnd(width)}  ${text}\n`)
    .join('')}`;
}
