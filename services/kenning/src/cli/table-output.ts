import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { OutputError } from '@liminal/shared/runtime/output-error';
import { fileWriter, ParquetWriter } from 'hyparquet-writer';

export interface OutputColumn {
  name: string;
  /** NaN is an empty cell in CSV. */
  type: 'int64' | 'float32' | 'float64' | 'text';
}

/** Numbers, or texts where the column holds such. */
export type OutputValues = ArrayLike<number> | readonly string[];

/** Where rows go, column by column; a file is there whole or not at all. */
export interface TableOutput {
  /** `columns`: of one length, in the order of the output's columns. */
  write(columns: readonly OutputValues[]): Promise<void>;
  /** Throws `OutputError`. */
  finish(): Promise<void>;
  /** Leaves nothing behind. */
  discard(): Promise<void>;
}

/** CSV on a stream, or a file: Parquet if its name ends so. Throws `OutputError`. */
export function openOutput(path: string | NodeJS.WritableStream, columns: readonly OutputColumn[]): TableOutput {
  if (typeof path !== 'string') return new CsvOutput(path, columns);
  if (path.endsWith('.parquet')) return new ParquetOutput(path, columns);
  return new CsvFileOutput(path, columns);
}

class CsvOutput implements TableOutput {
  readonly #stream: NodeJS.WritableStream;
  readonly #columns: readonly OutputColumn[];
  #header: string;

  constructor(stream: NodeJS.WritableStream, columns: readonly OutputColumn[]) {
    this.#stream = stream;
    this.#columns = columns;
    this.#header = columns.map(({ name }) => name).join(',') + '\n';
  }

  async write(columns: readonly OutputValues[]): Promise<void> {
    const lines: string[] = [];
    for (let row = 0; row < columns[0]!.length; row++) {
      const cells = columns.map((values, column) => cellText(values[row]!, this.#columns[column]!.type));
      lines.push(cells.join(','));
    }
    const text = this.#header + lines.map((line) => line + '\n').join('');
    this.#header = '';
    await new Promise<void>((resolve, reject) => {
      this.#stream.write(text, (error) => (error ? reject(error) : resolve()));
    });
  }

  async finish(): Promise<void> {
    if (this.#header !== '') this.#stream.write(this.#header);
  }

  async discard(): Promise<void> {}
}

class CsvFileOutput implements TableOutput {
  readonly #path: string;
  readonly #partial: string;
  readonly #file: ReturnType<typeof createWriteStream>;
  readonly #csv: CsvOutput;

  constructor(path: string, columns: readonly OutputColumn[]) {
    this.#path = path;
    this.#partial = partialPath(path);
    this.#file = createWriteStream(this.#partial);
    // Every write has a callback that gets the error; without a listener it would end the process too.
    this.#file.on('error', () => undefined);
    this.#csv = new CsvOutput(this.#file, columns);
  }

  write(columns: readonly OutputValues[]): Promise<void> {
    return writing(this.#path, () => this.#csv.write(columns));
  }

  finish(): Promise<void> {
    return writing(this.#path, async () => {
      await this.#csv.finish();
      await new Promise<void>((resolve, reject) => {
        this.#file.once('error', reject);
        this.#file.end(resolve);
      });
      await rename(this.#partial, this.#path);
    });
  }

  async discard(): Promise<void> {
    this.#file.destroy();
    await rm(this.#partial, { force: true });
  }
}

class ParquetOutput implements TableOutput {
  readonly #path: string;
  readonly #partial: string;
  readonly #columns: readonly OutputColumn[];
  #parquet: ParquetWriter | undefined;

  constructor(path: string, columns: readonly OutputColumn[]) {
    this.#path = path;
    this.#partial = partialPath(path);
    this.#columns = columns;
  }

  write(columns: readonly OutputValues[]): Promise<void> {
    return writing(this.#path, async () => {
      await this.#opened().write({
        columnData: this.#columns.map(({ name, type }, index) => ({
          name,
          data: ARRAYS[type](columns[index]!),
          encoding: 'PLAIN' as const,
        })),
        rowGroupSize: columns[0]!.length,
      });
    });
  }

  finish(): Promise<void> {
    return writing(this.#path, async () => {
      await this.#opened().finish();
      await rename(this.#partial, this.#path);
    });
  }

  async discard(): Promise<void> {
    await rm(this.#partial, { force: true });
  }

  #opened(): ParquetWriter {
    this.#parquet ??= new ParquetWriter({
      writer: fileWriter(this.#partial),
      schema: [
        { name: 'scores', num_children: this.#columns.length },
        ...this.#columns.map(({ name, type }) => ({
          name,
          ...PARQUET_TYPES[type],
          repetition_type: 'REQUIRED' as const,
        })),
      ],
      createdBy: 'kenning',
    });
    return this.#parquet;
  }
}

const PARQUET_TYPES = {
  int64: { type: 'INT64' },
  float32: { type: 'FLOAT' },
  float64: { type: 'DOUBLE' },
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
} as const;
const ARRAYS = {
  int64: (values: OutputValues) => BigInt64Array.from(Array.from(values, BigInt)),
  float32: (values: OutputValues) => Float32Array.from(values as ArrayLike<number>),
  float64: (values: OutputValues) => Float64Array.from(values as ArrayLike<number>),
  text: (values: OutputValues) => Array.from(values, String),
};

/** Shortest text that reads as the same number again; of a float32, as the same float32. */
function cellText(value: number | string, type: OutputColumn['type']): string {
  if (typeof value === 'string') return value;
  if (Number.isNaN(value)) return '';
  if (type !== 'float32' || !Number.isFinite(value)) return String(value);
  for (let digits = 6; digits < 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(Number(value.toPrecision(9)));
}

/** Beside the file, so that the last step is one rename. */
export const partialPath = (path: string): string => `${path}.partial-${process.pid}`;

async function writing(path: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    throw new OutputError(path, error);
  }
}
