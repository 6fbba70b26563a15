import type { CommandContext } from '../command.ts';
import { type OutputColumn, type OutputValues, openOutput } from '../table-output.ts';
import { readSeries, type SeriesFile, type SeriesRows } from './series-file.ts';
import type { SeriesModel } from './series-model.ts';
import { type JudgedRow, judge, remarks, type SeriesSettings, seriesStart } from './series-pass.ts';

const COLUMNS: readonly OutputColumn[] = [
  { name: 'timestamp', type: 'text' },
  { name: 'value', type: 'float64' },
  { name: 'score', type: 'float64' },
  { name: 'alarm', type: 'int64' },
  { name: 'severity', type: 'text' },
  { name: 'expected', type: 'float32' },
  { name: 'expected_low', type: 'float32' },
  { name: 'expected_high', type: 'float32' },
  { name: 'status', type: 'text' },
];

export interface SeriesScoring {
  /** Undefined: a detector that has seen nothing. */
  model: SeriesModel | undefined;
  /** A path; undefined: the standard output. */
  out: string | undefined;
  settings: SeriesSettings;
}

/** Writes what the detector says of each row, in their order. */
export async function scoreSeries(
  file: SeriesFile,
  { model, out, settings }: SeriesScoring,
  context: CommandContext,
): Promise<void> {
  const { path } = file.csv;
  const rows = await readSeries(file, context);
  const verdicts = await judge(seriesStart(path, rows, model, settings), rows, { ...context, label: 'score' });
  const output = openOutput(out ?? context.stdout, COLUMNS);
  try {
    await output.write(columnsOf(rows, verdicts));
    await output.finish();
  } catch (error) {
    await output.discard();
    throw error;
  }
  context.stderr.write(remarks(path, verdicts));
}

function columnsOf({ times }: SeriesRows, verdicts: readonly JudgedRow[]): OutputValues[] {
  return [
    times,
    verdicts.map(({ value }) => value),
    verdicts.map(({ score }) => score),
    verdicts.map(({ alarm }) => Number(alarm)),
    verdicts.map(({ severity }) => severity),
    verdicts.map(({ expected }) => Math.fround(expected)),
    verdicts.map(({ expectedLow }) => Math.fround(expectedLow)),
    verdicts.map(({ expectedHigh }) => Math.fround(expectedHigh)),
    verdicts.map(({ status }) => status),
  ];
}
