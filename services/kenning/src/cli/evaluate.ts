import { createProgress } from '@liminal/shared/runtime/progress';
import { rowRange } from '../detectors/matrix.ts';
import { type AlarmCounts, alarmCounts, BAND_COVERAGE } from '../evaluation/alarms.ts';
import { auroc, averagePrecision, countKinds } from '../evaluation/ranking.ts';
import { onePath, parse, required, SERIES_TEXT, TABLE_OPTIONS, TABLE_USAGE, tableArguments } from './arguments.ts';
import { modelColumns } from './column-choice.ts';
import type { Command, CommandContext } from './command.ts';
import { openTable } from './open-table.ts';
import { type ModelScores, Scorer } from './scorer.ts';
import { evaluateSeries } from './series/evaluate-series.ts';
import { seriesFile } from './series/series-file.ts';
import { readSeriesModel } from './series/series-model.ts';
import { assertNotGiven, SERIES_OPTIONS } from './series/series-options.ts';
import { ROWS_PER_PART, readWhole, TableError, type TableFile } from './table.ts';
import { hashOfRows } from './training-data-hash.ts';

const ALARM_RATES = [0.01, 0.05];

const USAGE = `Usage: kenning evaluate DATA --model MODEL --label COLUMN [--json] …
       kenning evaluate SERIES --label COLUMN [--model MODEL] [--json] …

Compares scores with labels: AUROC, average precision, and the alarms at p_value ≤ ${ALARM_RATES.join(' and ')}. Beside the alarms on
normal rows stands how many there may be (${100 * BAND_COVERAGE}% band) where these rows are new and like those of the calibration.

  --model MODEL        what kenning train has written: a file, or the directory of --model all
  --label COLUMN       1 = anomaly, 0 = normal
  --json               the same as JSON
${TABLE_USAGE}
${SERIES_TEXT}
Rows with label 1 that follow each other are one anomaly. The answer: precision of the alarms, recall of the anomalies, delay,
false alarms a day; AUROC and average precision of the rows.

  --model MODEL        a detector that has seen what came before; its rows must be newer   (one that has seen nothing)
  --interval I, --option NAME=VALUE, --counter   without a model, as for kenning train

Examples:
  kenning evaluate labelled.csv --model model.onnx --label y
  kenning evaluate labelled.csv --model models/ --label y --json
  kenning evaluate labelled-requests.csv --label incident
`;

export interface Evaluation {
  rows: number;
  anomalies: number;
  calibrationRows: number;
  /** These are the very rows that the model was trained on. */
  isTrainingData: boolean;
  models: { model: string; auroc: number; averagePrecision: number; alarms: AlarmCounts[] }[];
}

async function evaluate(context: CommandContext): Promise<void> {
  const { values, positionals } = parse(context.args, {
    ...TABLE_OPTIONS,
    ...SERIES_OPTIONS,
    model: { type: 'string' },
    label: { type: 'string' },
    json: { type: 'boolean' },
  });
  const path = onePath(positionals, 'file with data');
  const label = required('--label', values.label);
  const { exclude, format } = tableArguments(values);
  const { model, json = false, interval, option, counter } = values;
  const table = await openTable(path, format);
  const series = seriesFile(table, { label, exclude });
  if (series !== undefined) {
    const read = model === undefined ? undefined : await readSeriesModel(model);
    await evaluateSeries(series, { model: read, json, settings: { interval, option, counter } }, context);
    return;
  }
  assertNotGiven(
    values,
    ['interval', 'option', 'counter'],
    'it is a table, and no time series with timestamp and value',
  );
  const scorer = await Scorer.open(required('--model', model));
  try {
    const evaluation = await evaluateTable(scorer, table, { label, exclude, ...context });
    context.stdout.write(json ? `${JSON.stringify(evaluation, null, 2)}\n` : asText(path, evaluation));
  } finally {
    await scorer.close();
  }
}

async function evaluateTable(
  scorer: Scorer,
  table: TableFile,
  { label, exclude, signal, stderr }: { label: string; exclude: string[] } & Pick<CommandContext, 'signal' | 'stderr'>,
): Promise<Evaluation> {
  const choice = modelColumns(table, scorer.facts, { label, exclude });
  const bar = createProgress({ label: 'evaluate', total: 1, stream: stderr });
  try {
    const { rows, labels } = await readWhole(table, choice, {
      signal,
      onProgress: (share) => bar.update(share / 2, 'reads rows'),
    });
    const { anomalies } = kindsOf(table.path, label, labels);
    const all: ModelScores[] = scorer.names.map(() => ({
      scores: new Float64Array(rows.rows),
      pValues: new Float64Array(rows.rows),
    }));
    for (let start = 0; start < rows.rows; start += ROWS_PER_PART) {
      const end = Math.min(start + ROWS_PER_PART, rows.rows);
      const scored = await scorer.score(rowRange(rows, start, end), signal);
      for (const [index, { scores, pValues }] of scored.entries()) {
        all[index]!.scores.set(scores, start);
        all[index]!.pValues.set(pValues, start);
      }
      bar.update(0.5 + (0.5 * end) / rows.rows, 'scores rows');
    }
    const { rows: trained, dataSha256, columns } = scorer.facts;
    return {
      rows: rows.rows,
      anomalies,
      calibrationRows: trained.calibration,
      isTrainingData: hashOfRows(columns, rows) === dataSha256,
      models: all.map(({ scores, pValues }, index) => ({
        model: scorer.names[index]!,
        auroc: auroc({ scores, labels }),
        averagePrecision: averagePrecision({ scores, labels }),
        alarms: ALARM_RATES.map((alarmRate) =>
          alarmCounts({ pValues, labels, calibrationRows: trained.calibration, alarmRate }),
        ),
      })),
    };
  } finally {
    bar.stop();
  }
}

function kindsOf(path: string, label: string, labels: Uint8Array): { anomalies: number } {
  try {
    return countKinds({ labels });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new TableError(`${path}, column "${label}": ${error.message}`, { cause: error });
  }
}

function asText(path: string, { rows, anomalies, calibrationRows, isTrainingData, models }: Evaluation): string {
  const header = ['model', 'AUROC', 'average precision'];
  for (const rate of ALARM_RATES)
    header.push(`normals p≤${rate}`, `${100 * BAND_COVERAGE}% band`, `anomalies p≤${rate}`);
  const lines = models.map(({ model, auroc, averagePrecision, alarms }) => [
    model,
    auroc.toFixed(4),
    averagePrecision.toFixed(4),
    ...alarms.flatMap(({ normals, anomalies }) => [
      `${normals.alarms} (${percent(normals)})`,
      `${normals.band.low}…${normals.band.high}`,
      `${anomalies.alarms} (${percent(anomalies)})`,
    ]),
  ]);
  const notes = [`${path}: ${rows} rows, ${anomalies} of them anomalies; ${calibrationRows} calibration rows.`];
  if (isTrainingData) {
    notes.push('The model was trained on these very rows: the band does not apply, and fresh rows may rank otherwise.');
  }
  return `${notes.join('\n')}\n\n${aligned([header, ...lines])}`;
}

const percent = ({ rows, alarms }: { rows: number; alarms: number }): string =>
  `${((100 * alarms) / rows).toFixed(2)}%`;

/** Columns of one width; the first one to the left, numbers to the right. */
function aligned(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const padded = lines.map((line) =>
    line.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))),
  );
  return padded.map((cells) => `${cells.join('  ')}\n`).join('');
}

export const evaluateCommand: Command = {
  summary: 'compares scores with labels',
  usage: USAGE,
  run: evaluate,
};
