import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CsvError, type Options, parse } from 'csv-parse';
import { parse as parseAll } from 'csv-parse/sync';
import { type CsvFormat, columnNames, type ReadContext, TableError } from './table.ts';
import { numberOfText } from './table-cell.ts';

/** Enough for a header line, and to see how the file is written. */
const HEAD_BYTES = 1 << 20;
/** A longer line means that a quote was left open. */
const LONGEST_LINE_BYTES = 16 << 20;
const DELIMITERS = [',', ';', '\t', '|'];
const READ_BYTES = 1 << 18;

/** A CSV file with a header line, packed with gzip or not. */
export interface CsvFile {
  path: string;
  sizeBytes: number;
  isPacked: boolean;
  delimiter: string;
  decimal: CsvFormat['decimal'];
  columns: readonly string[];
}

/** Finds out how the file is written. Throws `TableError`. */
export async function openCsvFile(
  path: string,
  { sizeBytes, isPacked, format }: { sizeBytes: number; isPacked: boolean; format: CsvFormat },
): Promise<CsvFile> {
  const head = await readHead(path, isPacked);
  const delimiter = format.delimiter ?? mostLikelyDelimiter(head);
  const columns = headerOf(path, head, delimiter);
  return { path, sizeBytes, isPacked, delimiter, decimal: format.decimal, columns };
}

/**
 * Calls `take` with the fields of each record and its line, the header left out, and yields now and then, so that what was
 * taken can be handed on. Throws `TableError` where the file is broken, and what `take` throws.
 */
export async function* readRecords(
  file: CsvFile,
  take: (record: readonly string[], line: number) => void,
  { onProgress, signal }: ReadContext = {},
): AsyncGenerator<void> {
  let isHeader = true;
  const parser = parse({
    ...parserOptions(file.delimiter),
    on_record(record: string[], { lines }) {
      if (isHeader) isHeader = false;
      else take(record, lines);
      return null;
    },
  });
  // Each chunk's own callback has its error; without a listener it would end the process too.
  parser.on('error', () => undefined).resume();
  const source = createReadStream(file.path, { highWaterMark: READ_BYTES });
  try {
    for await (const chunk of unpacked(source, file.isPacked)) {
      signal?.throwIfAborted();
      await written(parser, chunk as Buffer);
      onProgress?.(Math.min(source.bytesRead / file.sizeBytes, 1));
      yield;
    }
    await written(parser, undefined);
    yield;
  } catch (error) {
    throw asTableError(file.path, error, file.columns.length);
  } finally {
    source.destroy();
    parser.destroy();
  }
}

/** Resolves when the parser has taken the chunk, or, without one, when it has seen the end. */
function written(parser: ReturnType<typeof parse>, chunk: Buffer | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    parser.once('error', reject);
    const taken = (error?: Error | null): void => {
      parser.off('error', reject);
      if (error) reject(error);
      else resolve();
    };
    if (chunk === undefined) parser.end(taken);
    else parser.write(chunk, taken);
  });
}

const parserOptions = (delimiter: string): Options<string[]> => ({
  bom: true,
  delimiter,
  skip_empty_lines: true,
  max_record_size: LONGEST_LINE_BYTES,
});

async function readHead(path: string, isPacked: boolean): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const source = createReadStream(path, { highWaterMark: READ_BYTES });
  try {
    for await (const chunk of unpacked(source, isPacked)) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes >= HEAD_BYTES) break;
    }
  } catch (error) {
    throw asTableError(path, error);
  } finally {
    source.destroy();
  }
  const head = Buffer.concat(chunks);
  const isUtf16 = head[0] === 0xff && head[1] === 0xfe;
  if (isUtf16) throw new TableError(`${path} is written in UTF-16; save it as UTF-8`);
  return head.toString('utf8');
}

function unpacked(source: Readable, isPacked: boolean): AsyncIterable<unknown> {
  if (!isPacked) return source;
  const unpacking = createGunzip({ chunkSize: READ_BYTES });
  source.once('error', (error) => unpacking.destroy(error));
  return source.pipe(unpacking);
}

/** The one that comes most often in the first line outside quotes; the comma where none does. */
function mostLikelyDelimiter(head: string): string {
  const firstLine = /^(?:"[^"]*"|[^"\r\n])*/.exec(head.replace(/^\uFEFF/, '').trimStart())![0];
  const unquoted = firstLine.replace(/"[^"]*"/g, '');
  const counts = DELIMITERS.map((delimiter) => unquoted.split(delimiter).length);
  return DELIMITERS[counts.indexOf(Math.max(...counts))]!;
}

function headerOf(path: string, head: string, delimiter: string): string[] {
  let header: string[] | undefined;
  try {
    header = parseAll(head, { ...parserOptions(delimiter), to: 1 })[0];
  } catch (error) {
    throw asTableError(path, error);
  }
  if (header === undefined) throw new TableError(`${path} is empty; it needs a header line and rows`);
  if (header.some((name) => name.includes('\uFFFD')))
    throw new TableError(`${path} is not written in UTF-8; save it so`);
  if (header.every((name) => name.trim() !== '' && typeof numberOfText(name, 'point') === 'number')) {
    throw new TableError(`${path}: the first line holds numbers; it must hold the names of the columns`);
  }
  return columnNames(path, header);
}

/** `columns`: in the header, where that has been read. */
function asTableError(path: string, error: unknown, columns = 0): unknown {
  if (error instanceof CsvError) return new TableError(`${path}: ${csvFault(error, columns)}`, { cause: error });
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code.startsWith('Z_')) return new TableError(`${path}: the gzip data is broken (${code})`, { cause: error });
  return error;
}

function csvFault(error: CsvError, columns: number): string {
  const { code } = error;
  const line = `line ${String(error.lines)}`;
  switch (code) {
    case 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH':
      return `${line} has ${Array.isArray(error.record) ? error.record.length : 'other than'} fields, the header ${columns}`;
    case 'CSV_QUOTE_NOT_CLOSED':
    case 'CSV_MAX_RECORD_SIZE':
      return `${line}: a quote (") that was opened is never closed`;
    case 'INVALID_OPENING_QUOTE':
    case 'CSV_INVALID_CLOSING_QUOTE':
      return `${line}: a quote (") stands inside a field; a quoted field is quoted whole, and a quote in it is doubled`;
    default:
      return error.message;
  }
}
