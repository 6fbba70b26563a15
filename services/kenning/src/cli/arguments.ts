import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { UsageError } from '@liminal/shared/runtime/usage-error';
import type { CsvFormat } from './table.ts';

/** Options of every command that reads a table. */
export const TABLE_OPTIONS = {
  exclude: { type: 'string', multiple: true },
  delimiter: { type: 'string' },
  decimal: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsOptionsConfig;

export const TABLE_USAGE = `  --exclude A,B        columns to leave out, such as ids
  --delimiter C        what parts the fields of a CSV, such as ';' or tab       (found out)
  --decimal D          point or comma                                           (point)
  --help               this text

DATA is a CSV file with a header line (also .gz) or a Parquet file; numbers and true/false.
Empty cells, NA, NaN, null and None are values that were not observed.
`;

/** What a command says of time series, before their options. */
export const SERIES_TEXT = `Time series: a CSV file whose columns are timestamp and value (beside --label and --exclude), one row for each time.
Times are ISO 8601, in UTC where they name no zone, or seconds or milliseconds since the epoch.`;

/** `parseArgs` of Node, strict, whose complaints are one sentence. Throws `UsageError`. */
export function parse<Options extends ParseArgsOptionsConfig>(args: readonly string[], options: Options) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // Node's own words, of which only the first sentence is about what was typed.
    throw new UsageError(`${error.message.split(/\. |\n/, 1)[0]!.replace(/\.$/, '')}: see --help.`, { cause: error });
  }
}

/** The only positional argument. Throws `UsageError`. */
export function onePath(positionals: readonly string[], what: string): string {
  if (positionals.length === 1) return positionals[0]!;
  const given = positionals.length === 0 ? `No ${what} is given` : `More than one ${what} is given`;
  throw new UsageError(`${given}: name one, or see --help.`);
}

/** Throws `UsageError`. */
export function required(name: string, value: string | undefined): string {
  if (value === undefined || value === '') throw new UsageError(`${name} is missing: see --help.`);
  return value;
}

/** Throws `UsageError`. */
export function wholeNumber(name: string, text: string, most: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number <= most) return number;
  throw new UsageError(`${name} ${text} is not a whole number from 0 to ${most}.`);
}

export interface TableArguments {
  exclude: string[];
  format: CsvFormat;
}

/** Throws `UsageError`. */
export function tableArguments(values: {
  exclude?: string[] | undefined;
  delimiter?: string | undefined;
  decimal?: string | undefined;
}): TableArguments {
  const { exclude = [], delimiter, decimal = 'point' } = values;
  if (decimal !== 'point' && decimal !== 'comma') {
    throw new UsageError(`--decimal ${decimal} is neither point nor comma.`);
  }
  const character = delimiter === 'tab' || delimiter === '\\t' ? '\t' : delimiter;
  if (character !== undefined && (character.length !== 1 || /["\r\n]/.test(character))) {
    throw new UsageError(`--delimiter ${delimiter} is not one character: use one such as ';', or tab.`);
  }
  return {
    exclude: exclude.flatMap((names) => names.split(',')).filter((name) => name !== ''),
    format: { delimiter: character, decimal },
  };
}
