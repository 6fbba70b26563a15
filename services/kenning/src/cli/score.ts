import { createProgress } from '@liminal/shared/runtime/progress';
import { onePath, parse, required, TABLE_OPTIONS, TABLE_USAGE, tableArguments } from './arguments.ts';
import { modelColumns } from './column-choice.ts';
import type { Command, CommandContext } from './command.ts';
import { openTable } from './open-table.ts';
import { COMBINED, type ModelScores, Scorer } from './scorer.ts';
import { type OutputColumn, openOutput } from './table-output.ts';

const USAGE = `Usage: kenning score DATA --model MODEL [--out FILE] …

Scores every row of a table: row (1 is the first), score (higher = more anomalous) and p_value. Of normal rows at most a
share α has p_value ≤ α. Columns are matched by their names.

  --model MODEL        what kenning train has written: a file, or the directory of --model all, which gives the combined
                       score and p_value, and those of each model beside them
  --out FILE           CSV, or Parquet if the name ends with .parquet           (CSV on the standard output)
${TABLE_USAGE}
Examples:
  kenning score today.csv --model model.onnx --out scores.csv
  kenning score today.parquet --model models/ --out scores.parquet
  kenning score today.csv --model model.onnx | sort -t, -gk3 | head
`;

async function score({ args, signal, stdout, stderr }: CommandContext): Promise<void> {
  const { values, positionals } = parse(args, {
    ...TABLE_OPTIONS,
    model: { type: 'string' },
    out: { type: 'string' },
  });
  const path = onePath(positionals, 'file with data');
  const model = required('--model', values.model);
  const { exclude, format } = tableArguments(values);
  const scorer = await Scorer.open(model);
  try {
    const table = await openTable(path, format);
    const choice = modelColumns(table, scorer.facts, { exclude });
    const output = openOutput(values.out ?? stdout, outputColumns(scorer.names));
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

export const scoreCommand: Command = { summary: 'scores rows with a model', usage: USAGE, run: score };
