import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import {
  type AsyncBuffer,
  asyncBufferFromFile,
  type Compressors,
  type DecodedArray,
  type FileMetaData,
  parquetMetadataAsync,
  parquetRead,
  parquetSchema,
} from 'hyparquet';
import {
  type ColumnChoice,
  columnNames,
  PartBuilder,
  type ReadContext,
  ROWS_PER_PART,
  TableError,
  type TableFile,
  type TablePart,
} from './table.ts';
import { type CellFault, labelOf, numberOfValue } from './table-cell.ts';

/** What Node brings; hyparquet itself has Snappy. */
const COMPRESSORS: Compressors = {
  GZIP: (packed) => gunzipSync(packed),
  BROTLI: (packed) => brotliDecompressSync(packed),
  ZSTD: (packed) => zstdDecompressSync(packed),
};

/** A Parquet file whose chosen columns are flat. Throws `TableError`. */
export async function openParquet(path: string): Promise<TableFile> {
  const { file, metadata } = await translated(path, async () => {
    const file = await asyncBufferFromFile(path);
    return { file, metadata: await parquetMetadataAsync(file) };
  });
  const columns = columnNames(
    path,
    parquetSchema(metadata).children.map(({ element }) => element.name),
  );
  return { path, columns, read: (choice, context) => readParts({ path, file, metadata, columns }, choice, context) };
}

interface ParquetFile {
  path: string;
  file: AsyncBuffer;
  metadata: FileMetaData;
  columns: readonly string[];
}

async function* readParts(
  parquet: ParquetFile,
  choice: ColumnChoice,
  { onProgress, signal }: ReadContext = {},
): AsyncGenerator<TablePart> {
  const { path, metadata } = parquet;
  const rows = Number(metadata.num_rows);
  const part = new PartBuilder(choice);
  let groupStart = 0;
  for (const { num_rows } of metadata.row_groups) {
    const groupEnd = groupStart + Number(num_rows);
    const columns = await translated(path, () => readGroup(parquet, choice, groupStart, groupEnd));
    for (let start = groupStart; start < groupEnd; start += ROWS_PER_PART) {
      signal?.throwIfAborted();
      const end = Math.min(start + ROWS_PER_PART, groupEnd);
      addRows(part, path, choice, columns, { groupStart, start, end });
      onProgress?.(end / rows);
      yield* part.takeFull();
    }
    groupStart = groupEnd;
  }
  yield* part.takeRest();
}

/** The values of each chosen column in a row group, by name. */
async function readGroup(
  { path, file, metadata, columns }: ParquetFile,
  { features, label }: ColumnChoice,
  rowStart: number,
  rowEnd: number,
): Promise<Map<string, DecodedArray>> {
  const schema = parquetSchema(metadata).children;
  const wanted = label === undefined ? [...features] : [...features, label];
  for (const name of wanted) {
    const isNested = schema[columns.indexOf(name)]!.children.length > 0;
    if (isNested) throw new TableError(`${path}, column "${name}" is nested; to leave it out, say --exclude ${name}`);
  }
  // Names as the file has them: those of the table may have been trimmed.
  const nameInFile = (name: string): string => schema[columns.indexOf(name)]!.element.name;
  const read = new Map<string, DecodedArray>(wanted.map((name) => [nameInFile(name), []]));
  await parquetRead({
    file,
    metadata,
    columns: [...read.keys()],
    rowStart,
    rowEnd,
    compressors: COMPRESSORS,
    onChunk({ columnName, columnData }) {
      const before = read.get(columnName)!;
      // A group is mostly one chunk.
      read.set(columnName, before.length === 0 ? columnData : [...before, ...columnData]);
    },
  });
  return new Map(wanted.map((name) => [name, read.get(nameInFile(name))!]));
}

/** Adds the rows from `start` to `end`, counted in the file, of a group that begins at `groupStart`. */
function addRows(
  part: PartBuilder,
  path: string,
  choice: ColumnChoice,
  columns: ReadonlyMap<string, DecodedArray>,
  { groupStart, start, end }: { groupStart: number; start: number; end: number },
): void {
  const refusal = (row: number, name: string, { fault, isText }: CellFault): TableError => {
    const advice = isText && name !== choice.label ? `; to leave the column out, say --exclude ${name}` : '';
    return new TableError(`${path}, row ${row + 1}, column "${name}": ${fault}${advice}`);
  };
  for (let row = start; row < end; row++) {
    part.beginRow();
    for (const [feature, name] of choice.features.entries()) {
      const value = numberOfValue(columns.get(name)![row - groupStart]);
      if (typeof value !== 'number') throw refusal(row, name, value);
      part.setValue(feature, value);
    }
    if (choice.label === undefined) continue;
    const label = labelOf(numberOfValue(columns.get(choice.label)![row - groupStart]));
    if (typeof label === 'object') throw refusal(row, choice.label, label);
    part.setLabel(label);
  }
}

async function translated<Result>(path: string, read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof TableError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new TableError(`${path} can't be read as Parquet: ${reason}`, { cause: error });
  }
}
