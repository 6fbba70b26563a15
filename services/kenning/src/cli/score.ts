import { createProgress } from '@liminal/shared/runtime/progress';
import { onePath, parse, required, SERIES_TEXT, TABLE_OPTIONS, TABLE_USAGE, tableArguments } from './arguments.ts';
import { modelColumns } from './column-choice.ts';
import type { Command, CommandContext } from './command.ts';
import { openTable } from './open-table.ts';
import { COMBINED, type ModelScores, Scorer } from './scorer.ts';
import { scoreSeries } from './series/score-series.ts';
import { seriesFile } from './series/series-file.ts';
import { readSeriesModel } from './series/series-model.ts';
import { assertNotGiven, SERIES_OPTIONS } from './series/series-options.ts';
import type { TableFile } from './table.ts';
import { type OutputColumn, openOutput } from './table-output.ts';

const USAGE = `Usage: kenning score DATA --model MODEL [--out FILE] …
       kenning score SERIES [--model MODEL] [--out FILE] …

Scores every row of a table: row (1 is the first), score (higher = more anomalous) and p_value. Of normal rows at most a
share α has p_value ≤ α. Columns are matched by their names.

  --model MODEL        what kenning train has written: a file, or the directory of --model all, which gives the combined
                       score and p_value, and those of each model beside them
  --out FILE           CSV, or Parquet if the name ends with .parquet           (CSV on the standard output)
${TABLE_USAGE}
${SERIES_TEXT}
The answer: timestamp, value, score (empty while unknown), alarm, severity, the expected value with its 90% band, status.

  --model MODEL        a detector that has seen what came before; its rows must be newer   (one that has seen nothing)
  --interval I, --option NAME=VALUE, --counter   without a model, as for kenning train

Examples:
  kenning score today.csv --model model.onnx --out scores.csv
  kenning score today.parquet --model models/ --out scores.parquet
  kenning score today.csv --model model.onnx | sort -t, -gk3 | head
  kenning score requests.csv --out scores.csv
  kenning score new-requests.csv --model requests.json | grep ,1,
`;

async function score(context: CommandContext): Promise<void> {
  const { values, positionals } = parse(context.args, {
    ...TABLE_OPTIONS,
    ...SERIES_OPTIONS,
    model: { type: 'string' },
    out: { type: 'string' },
  });
  const path = onePath(positionals, 'file with data');
  const { exclude, format } = tableArguments(values);
  const { model, out, interval, option, counter } = values;
  const table = await openTable(path, format);
  const series = seriesFile(table, { label: undefined, exclude });
  if (series !== undefined) {
    const read = model === undefined ? undefined : await readSeriesModel(model);
    await scoreSeries(series, { model: read, out, settings: { interval, option, counter } }, context);
    return;
  }
  assertNotGiven(
    values,
    ['interval', 'option', 'counter'],
    'it is a table, and no time series with timestamp and value',
  );
  await scoreTable(table, { model: required('--model', model), out, exclude }, context);
}

async function scoreTable(
  table: TableFile,
  { model, out, exclude }: { model: string; out: string | undefined; exclude: readonly string[] },
  { signal, stdout, stderr }: CommandContext,
): Promise<void> {
  const scorer = await Scorer.open(model);
  try {
    const choice = modelColumns(table, scorer.facts, { exclude });
    const output = openOutput(out ?? stdout, outputColumns(scorer.names));
    const bar = createProgress({ label: 'score', total: 1, stream: stderr });
    let rows = 0;
    try {
      let share = 0;
      const onProgress = (read: number): void => {
        share = read;
      };
      for await (const part of table.read(choice, { signal, onProgress })) {
        await output.write([rowNumbers(rows, part.rows.rows), ...columnsOf(await scorer.score(part.rows, signal))]);
        rows += part.rows.rows;
        bar.update(share, `${rows.toLocaleString('en')} rows`);
      }
      await output.finish();
    } catch (error) {
      await output.discard();
      throw error;
    } finally {
      bar.stop();
    }
  } finally {
    await scorer.close();
  }
}

function outputColumns(names: readonly string[]): OutputColumn[] {
  const columns = names.flatMap((name, index): OutputColumn[] => {
    const prefix = index === 0 ? '' : `${name}_`;
    const type = name === COMBINED ? 'float64' : 'float32';
    return [
      { name: `${prefix}score`, type },
      { name: `${prefix}p_value`, type },
    ];
  });
  return [{ name: 'row', type: 'int64' }, ...columns];
}

const columnsOf = (scores: readonly ModelScores[]): ArrayLike<number>[] =>
  scores.flatMap(({ scores, pValues }) => [scores, pValues]);

function rowNumbers(before: number, rows: number): Float64Array {
  return Float64Array.from({ length: rows }, (_, index) => before + index + 1);
}

export const scoreCommand: Command = {
  summary: 'scores rows with a model, or a time series',
  usage: USAGE,
  run: score,
};
