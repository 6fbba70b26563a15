import { type CsvFile, readRecords } from '../csv-file.ts';
import { type ReadContext, TableError, type TableFile } from '../table.ts';
import { labelOf, numberOfText } from '../table-cell.ts';
import { timestampMs } from './timestamps.ts';

const TIME_COLUMN = 'timestamp';
const VALUE_COLUMN = 'value';

/** A CSV file with a value for each time. */
export interface SeriesFile {
  csv: CsvFile;
  label: string | undefined;
}

export interface SeriesRows {
  /** As they stand in the file. */
  times: string[];
  timesMs: Float64Array;
  /** NaN = not observed. */
  values: Float64Array;
  /** 1 = anomaly; empty without a label column. */
  labels: Uint8Array;
}

/** The table as a time series, if `timestamp` and `value` are all that is left of its columns. */
export function seriesFile(
  { csv, columns }: TableFile,
  { label, exclude }: { label: string | undefined; exclude: readonly string[] },
): SeriesFile | undefined {
  const left = columns.filter((name) => name !== label && !exclude.includes(name));
  const isSeries = left.length === 2 && left.includes(TIME_COLUMN) && left.includes(VALUE_COLUMN);
  return csv !== undefined && isSeries ? { csv, label } : undefined;
}

/** All rows, in their order. Throws `TableError`, naming the place. */
export async function readSeries({ csv, label }: SeriesFile, context: ReadContext = {}): Promise<SeriesRows> {
  const [timeAt, valueAt, labelAt] = [TIME_COLUMN, VALUE_COLUMN, label].map((name) => csv.columns.indexOf(name ?? ''));
  if (label !== undefined && labelAt === -1) {
    throw new TableError(`${csv.path} has no column "${label}" with labels; it has ${csv.columns.join(', ')}`);
  }
  const times: string[] = [];
  const timesMs: number[] = [];
  const values: number[] = [];
  const labels: number[] = [];
  const take = (record: readonly string[], line: number): void => {
    const place = (column: string): string => `${csv.path}, line ${line}, column "${column}"`;
    const time = timestampMs(record[timeAt!]!);
    if (Number.isNaN(time)) {
      const advice = 'write it as 2026-03-02 10:00:00 (UTC), 2026-03-02T10:00:00+01:00, or seconds since the epoch';
      throw new TableError(`${place(TIME_COLUMN)}: "${record[timeAt!]}" is not a time; ${advice}`);
    }
    const value = numberOfText(record[valueAt!]!, csv.decimal);
    if (typeof value !== 'number') throw new TableError(`${place(VALUE_COLUMN)}: ${value.fault}`);
    times.push(record[timeAt!]!.trim());
    timesMs.push(time);
    values.push(value);
    if (label === undefined) return;
    const kind = labelOf(numberOfText(record[labelAt!]!, csv.decimal));
    if (typeof kind === 'object') throw new TableError(`${place(label)}: ${kind.fault}`);
    labels.push(kind);
  };
  for await (const _ of readRecords(csv, take, context));
  if (times.length === 0) throw new TableError(`${csv.path} has no rows`);
  return {
    times,
    timesMs: Float64Array.from(timesMs),
    values: Float64Array.from(values),
    labels: Uint8Array.from(labels),
  };
}
