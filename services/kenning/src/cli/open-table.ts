import { open } from 'node:fs/promises';
import { openCsvFile } from './csv-file.ts';
import { type CsvFormat, TableError, type TableFile } from './table.ts';
import { readCsvParts } from './table-csv.ts';
import { openParquet } from './table-parquet.ts';

const PARQUET_MAGIC = Buffer.from('PAR1');
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);

/** A CSV (packed with gzip or not) or Parquet file, recognised by its content. Throws `TableError`. */
export async function openTable(path: string, format: CsvFormat): Promise<TableFile> {
  const { sizeBytes, start } = await look(path);
  if (start.equals(PARQUET_MAGIC)) return openParquet(path);
  const isPacked = start.subarray(0, GZIP_MAGIC.length).equals(GZIP_MAGIC);
  const csv = await openCsvFile(path, { sizeBytes, isPacked, format });
  return { path, columns: csv.columns, csv, read: (choice, context) => readCsvParts(csv, choice, context) };
}

async function look(path: string): Promise<{ sizeBytes: number; start: Buffer }> {
  try {
    await using file = await open(path);
    const stats = await file.stat();
    if (!stats.isFile()) throw new TableError(`${path} is not a file; give a CSV or Parquet file`);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(PARQUET_MAGIC.length), 0, PARQUET_MAGIC.length, 0);
    return { sizeBytes: stats.size, start: buffer.subarray(0, bytesRead) };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    const reason = error.code === 'ENOENT' ? 'there is no such file' : String(error.code);
    throw new TableError(`${path} can't be read: ${reason}`, { cause: error });
  }
}
