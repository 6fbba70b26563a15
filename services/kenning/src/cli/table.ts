import { createMatrix, type Matrix } from '../detectors/matrix.ts';
import type { CsvFile } from './csv-file.ts';

/** A file with rows and named columns. Reading it again gives the same rows. */
export interface TableFile {
  readonly path: string;
  /** Names of all columns, in their order; no two are the same, none is empty. */
  readonly columns: readonly string[];
  /** Absent where it is a Parquet file. */
  readonly csv?: CsvFile;
  /**
   * The rows, a part at a time, in their order. Throws `TableError`, naming the place, where one can't be read;
   * rejects with the reason of the signal.
   */
  read(choice: ColumnChoice, context?: ReadContext): AsyncIterable<TablePart>;
}

/** What to read of a table; every name is one of its columns. */
export interface ColumnChoice {
  /** In the order in which the rows hold them. */
  features: readonly string[];
  /** A column with 1 for anomalies and 0 for normal rows. */
  label?: string | undefined;
}

export interface ReadContext {
  /** Called with the share of the file that is read, in [0, 1], never falling. */
  onProgress?: ((share: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface TablePart {
  /** float32 [rows, features], NaN = not observed, else finite. */
  rows: Matrix;
  /** One a row, 1 = anomaly; empty unless a label was chosen. */
  labels: Uint8Array;
}

/** How a CSV file writes things, where that can't be seen or should not be guessed. */
export interface CsvFormat {
  /** A character; found out unless given. */
  delimiter?: string | undefined;
  decimal: 'point' | 'comma';
}

/** A file that can't be read as a table. The message names file and place, and says what to do. */
export class TableError extends Error {
  override readonly name = 'TableError';
}

/** Throws `TableError` for names that can't tell columns apart. */
export function columnNames(path: string, header: readonly string[]): string[] {
  const names = header.map((name, index) => (name.trim() === '' ? `unnamed_${index + 1}` : name.trim()));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new TableError(`${path}: two columns are called "${twice}"; give each a name of its own`);
  return names;
}

/**
 * Rows of every part but the last, whatever the file: in which company ONNX Runtime gets a row may change the last bit of its
 * score, and how a file is packed should not. A multiple of the rows of a run.
 */
export const ROWS_PER_PART = 8_192;
const FIRST_CAPACITY = 256;

/** Collects rows of known width into parts. */
export class PartBuilder {
  readonly #columns: number;
  readonly #hasLabels: boolean;
  #values: Float32Array;
  #labels: Uint8Array;
  #rows = 0;
  #full: TablePart[] = [];

  constructor({ features, label }: ColumnChoice) {
    this.#columns = features.length;
    this.#hasLabels = label !== undefined;
    this.#values = new Float32Array(this.#columns * FIRST_CAPACITY);
    this.#labels = new Uint8Array(FIRST_CAPACITY);
  }

  /** Begins a row; its values are set by `setValue` and `setLabel`. */
  beginRow(): void {
    if (this.#rows === ROWS_PER_PART) this.#full.push(this.#take());
    else if (this.#rows === this.#labels.length) this.#grow();
    this.#rows++;
  }

  /** Of the row begun last. */
  setValue(feature: number, value: number): void {
    this.#values[(this.#rows - 1) * this.#columns + feature] = value;
  }

  setLabel(label: 0 | 1): void {
    this.#labels[this.#rows - 1] = label;
  }

  /** The full parts since the last call. */
  takeFull(): TablePart[] {
    const full = this.#full;
    this.#full = [];
    return full;
  }

  /** What is left; nothing where there are no rows. */
  takeRest(): TablePart[] {
    return this.#rows === 0 ? this.takeFull() : [...this.takeFull(), this.#take()];
  }

  #take(): TablePart {
    const rows = createMatrix(this.#values.slice(0, this.#rows * this.#columns), this.#columns);
    const labels = this.#hasLabels ? this.#labels.slice(0, this.#rows) : new Uint8Array(0);
    this.#rows = 0;
    return { rows, labels };
  }

  #grow(): void {
    const values = new Float32Array(this.#values.length * 2);
    values.set(this.#values);
    this.#values = values;
    const labels = new Uint8Array(this.#labels.length * 2);
    labels.set(this.#labels);
    this.#labels = labels;
  }
}

/** All rows of a table at once. */
export async function readWhole(table: TableFile, choice: ColumnChoice, context: ReadContext = {}): Promise<TablePart> {
  const parts: TablePart[] = [];
  for await (const part of table.read(choice, context)) parts.push(part);
  const count = parts.reduce((sum, { rows }) => sum + rows.rows, 0);
  const values = new Float32Array(count * choice.features.length);
  const labels = new Uint8Array(choice.label === undefined ? 0 : count);
  let row = 0;
  for (const part of parts) {
    values.set(part.rows.values, row * choice.features.length);
    labels.set(part.labels, choice.label === undefined ? 0 : row);
    row += part.rows.rows;
  }
  return { rows: createMatrix(values, choice.features.length), labels };
}
