import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { createMatrix, type Matrix, takeRows } from '@liminal/kenning/detectors/matrix';
import type { Random } from '@liminal/shared/runtime/random';

export interface LabelledRows {
  rows: Matrix;
  isAnomaly: Uint8Array;
}

/** The published detectors that ours are held against, as the reference names them. */
export const PUBLISHED = ['IForest', 'OCSVM', 'VAE', 'PCA', 'kNN'] as const;
export type Published = Record<(typeof PUBLISHED)[number], number>;
export type Protocol = 'unsup' | 'semi';
export const PROTOCOLS: readonly Protocol[] = ['unsup', 'semi'];

export interface LabelledSet {
  name: string;
  read(): LabelledRows;
  /** AUROC, %. */
  published: Record<Protocol, Published>;
}

const FEWEST_ROWS = 1_000;
const MOST_ROWS = 50_000;

/** The sets of a directory that the reference knows, by number; `words`: only those whose names hold one of them. */
export function labelledSets(directory: string, words: readonly string[]): LabelledSet[] {
  const published = readPublished(join(directory, 'REFERENCE_AUROC.csv'));
  return readdirSync(directory)
    .filter((file) => file.endsWith('.csv.gz'))
    .map((file) => ({ file, name: file.replace('.csv.gz', '') }))
    .filter(({ name }) => published.has(name) && (words.length === 0 || words.some((word) => name.includes(word))))
    .sort((left, right) => Number.parseInt(left.name, 10) - Number.parseInt(right.name, 10))
    .map(({ file, name }) => {
      return { name, read: () => readLabelledRows(join(directory, file)), published: published.get(name)! };
    });
}

/** The sizes of the protocol: fewer than 1,000 rows are bootstrapped to 1,000, more than 50,000 subsampled. */
export function resized(labelled: LabelledRows, random: Random): LabelledRows {
  const { rows } = labelled.rows;
  if (rows >= FEWEST_ROWS) return subsampled(labelled, random);
  return taken(
    labelled,
    Int32Array.from({ length: FEWEST_ROWS }, () => random.int(rows)),
  );
}

export function subsampled(labelled: LabelledRows, random: Random): LabelledRows {
  const { rows } = labelled.rows;
  return rows > MOST_ROWS ? taken(labelled, random.sample(rows, MOST_ROWS)) : labelled;
}

/** Positions of the rows that are anomalies, or of those that are not, in their order. */
export function positionsOf(isAnomaly: Uint8Array, wanted: 0 | 1): Int32Array {
  return Int32Array.from(isAnomaly.keys()).filter((row) => isAnomaly[row] === wanted);
}

/** `rows` and others, all standardised by the mean and the deviation of `rows`. */
export function standardisedBy(rows: Matrix, ...others: readonly Matrix[]): Matrix[] {
  const { values, columns } = rows;
  const scaled = [rows, ...others].map((matrix) => createMatrix(new Float32Array(matrix.values.length), columns));
  for (let column = 0; column < columns; column++) {
    let sum = 0;
    let squares = 0;
    for (let index = column; index < values.length; index += columns) sum += values[index]!;
    const mean = sum / rows.rows;
    for (let index = column; index < values.length; index += columns) squares += (values[index]! - mean) ** 2;
    const deviation = Math.sqrt(squares / rows.rows) || 1;
    for (const [place, source] of [rows, ...others].entries()) {
      const target = scaled[place]!.values;
      for (let index = column; index < target.length; index += columns) {
        target[index] = (source.values[index]! - mean) / deviation;
      }
    }
  }
  return scaled;
}

function taken({ rows, isAnomaly }: LabelledRows, indices: Int32Array): LabelledRows {
  return { rows: takeRows(rows, indices), isAnomaly: Uint8Array.from(indices, (index) => isAnomaly[index]!) };
}

function readLabelledRows(path: string): LabelledRows {
  const [header = '', ...lines] = gunzipSync(readFileSync(path)).toString().trim().split('\n');
  const columns = header.split(',').length - 1;
  const values = new Float32Array(lines.length * columns);
  const isAnomaly = new Uint8Array(lines.length);
  for (const [row, line] of lines.entries()) {
    const cells = line.split(',');
    for (let column = 0; column < columns; column++) values[row * columns + column] = Number(cells[column]);
    isAnomaly[row] = Number(cells[columns]);
  }
  return { rows: createMatrix(values, columns), isAnomaly };
}

function readPublished(path: string): Map<string, Record<Protocol, Published>> {
  const [header = '', ...lines] = readFileSync(path, 'utf8').trim().split(/\r?\n/);
  const columns = header.split(',');
  return new Map(
    lines.map((line) => {
      const cells = line.split(',');
      const of = (protocol: Protocol) =>
        Object.fromEntries(
          PUBLISHED.map((name) => [name, Number(cells[columns.indexOf(`${protocol}_${name}`)])]),
        ) as Published;
      return [cells[0]!, { unsup: of('unsup'), semi: of('semi') }] as const;
    }),
  );
}
