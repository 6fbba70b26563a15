import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import {
  FEATURE_COUNT,
  FEATURE_NAMES,
  FEATURE_SCHEMA_VERSION,
  LOAD_HISTORY_MINUTES,
} from '@liminal/shared/contracts/feature-vector';
import { MODEL_NAMES, type ModelName } from '@liminal/shared/contracts/prediction';
import { TRAINING_COLUMNS } from '@liminal/shared/contracts/training-rows';
import { type ColumnData, type DecodedArray, parquetMetadataAsync, parquetRead, type SchemaElement } from 'hyparquet';
import { ByteWriter, type ColumnSource, ParquetWriter } from 'hyparquet-writer';
import type { TrainingColumns, TrainingRow } from './training-row.ts';
import { UnreadablePartError } from './unreadable-part-error.ts';

const SCHEMA_VERSION_KEY = 'liminal.feature_schema';
/** Encoding so many rows takes 6 to 12 ms; between two groups the event loop gets its turn. */
const ROWS_PER_GROUP = 1_000;

type PhysicalType = 'BYTE_ARRAY' | 'INT64' | 'INT32' | 'FLOAT' | 'DOUBLE';

interface Column {
  name: string;
  type: PhysicalType;
  data(rows: readonly TrainingRow[]): DecodedArray;
}

const text = (name: string, of: (row: TrainingRow) => string): Column => ({
  name,
  type: 'BYTE_ARRAY',
  data: (rows) => rows.map(of),
});
const float32 = (name: string, position: number): Column => ({
  name,
  type: 'FLOAT',
  data: (rows) => filled(new Float32Array(rows.length), (index) => rows[index]!.values[position]!),
});
const float64 = (name: string, of: (row: TrainingRow) => number): Column => ({
  name,
  type: 'DOUBLE',
  data: (rows) => filled(new Float64Array(rows.length), (index) => of(rows[index]!)),
});

/** Several times as fast as `TypedArray.from` with a function. */
function filled<Values extends Float32Array | Float64Array>(values: Values, at: (index: number) => number): Values {
  for (let index = 0; index < values.length; index++) values[index] = at(index);
  return values;
}

const FEATURE_COLUMNS = TRAINING_COLUMNS.features.map((name, position) => float32(name, position));
/**
 * One column a minute: against a list column half of the time to write and to read, and any tool shows it; against one
 * column of packed bytes 5% larger and twice the time to write, but readable.
 */
const LOAD_COLUMNS = Array.from({ length: LOAD_HISTORY_MINUTES }, (_, minute) =>
  float32(TRAINING_COLUMNS.load(minute), FEATURE_COUNT + minute),
);
const ORIGIN_COLUMNS: Column[] = [
  text(TRAINING_COLUMNS.user, ({ user }) => user),
  { name: TRAINING_COLUMNS.ts, type: 'INT64', data: (rows) => BigInt64Array.from(rows, ({ ts }) => BigInt(ts)) },
  { name: TRAINING_COLUMNS.seq, type: 'INT32', data: (rows) => Int32Array.from(rows, ({ seq }) => seq) },
];
const VERDICT_COLUMNS: Column[] = [
  float64(TRAINING_COLUMNS.pValue, ({ pValue }) => pValue),
  text(TRAINING_COLUMNS.severity, ({ severity }) => severity),
  text(TRAINING_COLUMNS.release, ({ release }) => release),
];

/** Scores of the models that scored any of the rows; NaN where one did not. */
function scoreColumns(rows: readonly TrainingRow[]): Column[] {
  const models = MODEL_NAMES.filter((model) => rows.some(({ scores }) => scores[model] !== undefined));
  return models.flatMap((model: ModelName) => [
    float64(TRAINING_COLUMNS.score(model), ({ scores }) => scores[model]?.score ?? Number.NaN),
    float64(TRAINING_COLUMNS.modelPValue(model), ({ scores }) => scores[model]?.pValue ?? Number.NaN),
  ]);
}

/**
 * The rows as one Parquet file (columns: `contracts/training-rows.ts`; nothing is nullable, NaN = not observed).
 * The same rows give the same bytes.
 */
export async function encodePart(rows: readonly TrainingRow[]): Promise<Uint8Array> {
  const columns = [...ORIGIN_COLUMNS, ...FEATURE_COLUMNS, ...LOAD_COLUMNS, ...scoreColumns(rows), ...VERDICT_COLUMNS];
  const writer = new ByteWriter();
  const parquet = new ParquetWriter({
    writer,
    schema: [{ name: 'training_row', num_children: columns.length }, ...columns.map(schemaElement)],
    // Minima and maxima serve filters, which nobody uses here, and NaN spoils them.
    statistics: false,
    kvMetadata: [{ key: SCHEMA_VERSION_KEY, value: String(FEATURE_SCHEMA_VERSION) }],
    createdBy: 'resonance-liminal-ml',
  });
  for (let from = 0; from < rows.length; from += ROWS_PER_GROUP) {
    if (from > 0) await yieldToEventLoop();
    const group = rows.slice(from, from + ROWS_PER_GROUP);
    await parquet.write({
      columnData: columns.map((column) => columnSource(column, group)),
      rowGroupSize: group.length,
    });
  }
  await parquet.finish();
  return writer.getBytes();
}

const schemaElement = ({ name, type }: Column): SchemaElement => ({
  name,
  type,
  repetition_type: 'REQUIRED',
  ...(type === 'BYTE_ARRAY' && { converted_type: 'UTF8' as const }),
});

const columnSource = ({ name, type, data }: Column, rows: readonly TrainingRow[]): ColumnSource => ({
  name,
  data: data(rows),
  // Looking for a dictionary in numbers triples the time and saves a fifth of the size.
  ...(type !== 'BYTE_ARRAY' && { encoding: 'PLAIN' as const }),
});

/** Throws `UnreadablePartError`. */
export async function decodePart(
  bytes: Uint8Array,
  { loadHistory = false }: { loadHistory?: boolean } = {},
): Promise<TrainingColumns> {
  const wanted = [...ORIGIN_COLUMNS, ...FEATURE_COLUMNS, ...(loadHistory ? LOAD_COLUMNS : [])];
  const { rows, columns } = await readColumns(bytes, wanted);
  return {
    rows,
    users: columns.strings(TRAINING_COLUMNS.user),
    ts: columns.bigints(TRAINING_COLUMNS.ts),
    seqs: Int32Array.from(columns.numbers(TRAINING_COLUMNS.seq)),
    features: rowMajor(
      rows,
      FEATURE_NAMES.map((name) => columns.numbers(name)),
    ),
    loadHistory: loadHistory
      ? rowMajor(
          rows,
          LOAD_COLUMNS.map(({ name }) => columns.numbers(name)),
        )
      : null,
  };
}

/** Users and event times alone. Throws `UnreadablePartError`. */
export async function decodePartOrigins(bytes: Uint8Array): Promise<{ users: string[]; ts: Float64Array }> {
  const wanted = ORIGIN_COLUMNS.filter(({ name }) => name !== TRAINING_COLUMNS.seq);
  const { columns } = await readColumns(bytes, wanted);
  return { users: columns.strings(TRAINING_COLUMNS.user), ts: columns.bigints(TRAINING_COLUMNS.ts) };
}

async function readColumns(bytes: Uint8Array, wanted: readonly Column[]): Promise<{ rows: number; columns: Chunks }> {
  try {
    const file = arrayBufferOf(bytes);
    const metadata = await parquetMetadataAsync(file);
    const version = metadata.key_value_metadata?.find(({ key }) => key === SCHEMA_VERSION_KEY)?.value;
    if (version !== String(FEATURE_SCHEMA_VERSION)) {
      throw new UnreadablePartError(`feature schema is ${version ?? 'not named'}, not ${FEATURE_SCHEMA_VERSION}`);
    }
    const rows = Number(metadata.num_rows);
    const columns = new Chunks(rows);
    const onChunk = (chunk: ColumnData): void => columns.add(chunk);
    await parquetRead({ file, metadata, columns: wanted.map(({ name }) => name), onChunk });
    return { rows, columns };
  } catch (error) {
    if (error instanceof UnreadablePartError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new UnreadablePartError(`not a Parquet file of training rows: ${reason}`, { cause: error });
  }
}

/** Columns as they come in, a chunk for each row group. */
class Chunks {
  readonly #rows: number;
  readonly #chunks = new Map<string, ColumnData[]>();

  constructor(rows: number) {
    this.#rows = rows;
  }

  add(chunk: ColumnData): void {
    const chunks = this.#chunks.get(chunk.columnName);
    if (chunks === undefined) this.#chunks.set(chunk.columnName, [chunk]);
    else chunks.push(chunk);
  }

  numbers(name: string): Float64Array {
    return this.#collect(name, (value) => (typeof value === 'number' ? value : undefined));
  }

  bigints(name: string): Float64Array {
    return this.#collect(name, (value) => (typeof value === 'bigint' ? Number(value) : undefined));
  }

  strings(name: string): string[] {
    const values = new Array<string>(this.#rows);
    this.#forEach(name, (value, row) => {
      if (typeof value !== 'string') throw new UnreadablePartError(`column ${name} holds something that is no text`);
      values[row] = value;
    });
    return values;
  }

  #collect(name: string, toNumber: (value: unknown) => number | undefined): Float64Array {
    const values = new Float64Array(this.#rows);
    this.#forEach(name, (value, row) => {
      const number = toNumber(value);
      if (number === undefined) throw new UnreadablePartError(`column ${name} holds something that is no number`);
      values[row] = number;
    });
    return values;
  }

  #forEach(name: string, visit: (value: unknown, row: number) => void): void {
    let seen = 0;
    for (const { columnData, rowStart } of this.#chunks.get(name) ?? []) {
      for (let index = 0; index < columnData.length; index++) visit(columnData[index], rowStart + index);
      seen += columnData.length;
    }
    if (seen !== this.#rows) throw new UnreadablePartError(`column ${name} has ${seen} of ${this.#rows} rows`);
  }
}

function rowMajor(rows: number, columns: readonly Float64Array[]): Float32Array {
  const values = new Float32Array(rows * columns.length);
  for (const [index, column] of columns.entries()) {
    for (let row = 0; row < rows; row++) values[row * columns.length + index] = column[row]!;
  }
  return values;
}

function arrayBufferOf(bytes: Uint8Array): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = bytes;
  if (buffer instanceof ArrayBuffer && byteOffset === 0 && byteLength === buffer.byteLength) return buffer;
  return Uint8Array.from(bytes).buffer;
}
