import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, describe, expect, it } from 'vitest';
import { openTable } from './open-table.ts';
import { readWhole, TableError } from './table.ts';

const directory = mkdtempSync(join(tmpdir(), 'liminal-table-'));
afterAll(() => rmSync(directory, { recursive: true }));
let files = 0;

function fileWith(content: string | Uint8Array): string {
  const path = join(directory, `table-${files++}`);
  writeFileSync(path, content);
  return path;
}

async function read(content: string | Uint8Array, { decimal = 'point', label }: ReadOptions = {}) {
  const table = await openTable(fileWith(content), { decimal });
  const features = table.columns.filter((name) => name !== label);
  const { rows, labels } = await readWhole(table, { features, label });
  return { columns: table.columns, values: [...rows.values], labels: [...labels] };
}
interface ReadOptions {
  decimal?: 'point' | 'comma';
  label?: string;
}

async function fault(content: string | Uint8Array, options?: ReadOptions): Promise<string> {
  const error = await read(content, options).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(TableError);
  return (error as TableError).message.replace(/^\S*table-\d+[:,]? /, '');
}

describe('a CSV table', () => {
  it.each([
    ['commas', 'a,b\n1,2\n3,4\n'],
    ['semicolons', 'a;b\n1;2\n3;4\n'],
    ['tabs', 'a\tb\n1\t2\n3\t4\n'],
    ['bars', 'a|b\n1|2\n3|4\n'],
    ['CRLF', 'a,b\r\n1,2\r\n3,4\r\n'],
    ['a byte order mark', '\uFEFF"a",b\n1,2\n3,4\n'],
    ['quotes', '"a","b"\n"1","2"\n3,"4"\n'],
    ['no line end at the end', 'a,b\n1,2\n3,4'],
    ['empty lines', '\na,b\n\n1,2\n\n3,4\n\n'],
    ['spaces', 'a , b\n 1,2 \n3 , 4\n'],
    ['gzip', gzipSync('a,b\n1,2\n3,4\n')],
  ])('is read with %s', async (_, content) => {
    expect(await read(content)).toEqual({ columns: ['a', 'b'], values: [1, 2, 3, 4], labels: [] });
  });

  it('may quote names that hold delimiters, quotes and line ends', async () => {
    const { columns, values } = await read('"a, ""x""","b\nc",d\n1,2,3\n');
    expect(columns).toEqual(['a, "x"', 'b\nc', 'd']);
    expect(values).toEqual([1, 2, 3]);
  });

  it('takes empty cells and the usual words for values that were not observed', async () => {
    const { values } = await read('a,b\n,NA\nnan,NaN\nnull,None\nN/A,1\n');
    expect(values).toEqual([...Array<number>(7).fill(Number.NaN), 1]);
  });

  it('reads numbers in every notation, and true and false', async () => {
    const { values } = await read('a\n-1.5e3\n+.25\n7.\n1E-2\nTrue\nfalse\n');
    expect(values).toEqual([-1500, 0.25, 7, Math.fround(0.01), 1, 0]);
  });

  it('reads labels beside the features', async () => {
    expect(await read('y,a\n1,5\n0.0,6\n', { label: 'y' })).toMatchObject({ values: [5, 6], labels: [1, 0] });
  });

  it('reads decimal commas when told to', async () => {
    expect(await read('a;b\n1,5;-2,25\n', { decimal: 'comma' })).toMatchObject({ values: [1.5, -2.25] });
  });

  it('comes in parts of one size, so that scores do not depend on how it is read', async () => {
    const text = `a,b\n${'1,2\n'.repeat(20_000)}`;
    for (const content of [text, gzipSync(text)]) {
      const table = await openTable(fileWith(content), { decimal: 'point' });
      const sizes: number[] = [];
      for await (const { rows } of table.read({ features: ['a'] })) sizes.push(rows.rows);
      expect(sizes).toEqual([8_192, 8_192, 3_616]);
    }
  });

  it('is read whole when rows span the parts in which it comes', async () => {
    const rows = Array.from({ length: 60_000 }, (_, row) => `${row},${row % 7},${row / 4}`);
    const { values } = await read(`a,b,c\n${rows.join('\n')}\n`);
    expect(values).toHaveLength(180_000);
    expect(
      values.every((value, index) => value === [index / 3, ((index - 1) / 3) % 7, (index - 2) / 12][index % 3]),
    ).toBe(true);
  });

  it.each([
    ['a word', 'a,b\n1,2\n3,x\n', /line 3, column "b": "x" is not a number; .* --exclude b$/],
    ['several words', 'a,b,c\nx,1,y\n', /line 2, column "a": .* --exclude a,c$/],
    ['a decimal comma', 'a;b\n1,5;2\n', /line 2, column "a": "1,5" is not a number; .* --decimal comma$/],
    ['a hexadecimal number', 'a\n0x10\n', /line 2, column "a": "0x10" is not a number/],
    ['infinity', 'a\nInfinity\n', /line 2, column "a": "Infinity" is not a number/],
    ['a number too large', 'a\n1\n1e39\n', /line 3, column "a": 1e\+39 is too large for float32/],
    ['too few fields', 'a,b\n1,2\n3\n', /line 3 has 1 fields, the header 2$/],
    ['too many fields', 'a,b\n1,2,3\n', /line 2 has 3 fields, the header 2$/],
    ['a quote left open', 'a,b\n1,"2\n3,4\n', /a quote \("\) that was opened is never closed$/],
    ['a quote inside a field', 'a,b\n1,2"3\n', /line 2: a quote \("\) stands inside a field/],
    ['no header', '1,2\n3,4\n', /the first line holds numbers/],
    ['nothing', '', /is empty/],
    ['a name twice', 'a,a\n1,2\n', /two columns are called "a"/],
    ['UTF-16', Buffer.from('\uFEFFa,b\n', 'utf16le'), /written in UTF-16/],
    ['Latin-1', Buffer.from('gr\u00f6sse,b\n1,2\n', 'latin1'), /not written in UTF-8/],
    ['broken gzip', gzipSync('a,b\n1,2\n'.repeat(9_999)).subarray(0, 60), /the gzip data is broken/],
  ])('with %s says where and what', async (_, content, message) => {
    expect(await fault(content)).toMatch(message);
  });

  it('counts the lines of quoted fields too', async () => {
    expect(await fault('"a\nb",c\n1,2\n3,x\n')).toMatch(/line 4, column "c"/);
  });

  it.each([['2'], [''], ['yes']])('refuses "%s" as label', async (label) => {
    expect(await fault(`a,y\n1,${label}\n`, { label: 'y' })).toMatch(/line 2, column "y": a label must be 0/);
  });
});

describe('a Parquet table', () => {
  const columnData = [
    { name: 'a', data: [1.5, null, Number.NaN], type: 'DOUBLE' as const },
    { name: 'b', data: [1n, 2n, 3n], type: 'INT64' as const },
    { name: 'y', data: [true, false, true], type: 'BOOLEAN' as const },
  ];

  it.each([
    ['SNAPPY', {}],
    ['UNCOMPRESSED', {}],
    ['GZIP', { GZIP: (bytes: Uint8Array) => gzipSync(bytes) }],
    ['ZSTD', { ZSTD: (bytes: Uint8Array) => zstdCompressSync(bytes) }],
    ['BROTLI', { BROTLI: (bytes: Uint8Array) => brotliCompressSync(bytes) }],
  ] as const)('packed with %s gives numbers, nulls being not observed', async (codec, compressors) => {
    const bytes = new Uint8Array(parquetWriteBuffer({ columnData, codec, compressors, rowGroupSize: 2 }));
    expect(await read(bytes, { label: 'y' })).toEqual({
      columns: ['a', 'b', 'y'],
      values: [1.5, 1, Number.NaN, 2, Number.NaN, 3],
      labels: [1, 0, 1],
    });
  });

  it('comes in the same parts as a CSV', async () => {
    const data = Float32Array.from({ length: 20_000 }, (_, row) => row);
    const columns = [{ name: 'a', data, type: 'FLOAT' as const }];
    const bytes = new Uint8Array(parquetWriteBuffer({ columnData: columns, rowGroupSize: 9_000 }));
    const table = await openTable(fileWith(bytes), { decimal: 'point' });
    const parts: Float32Array[] = [];
    for await (const { rows } of table.read({ features: ['a'] })) parts.push(rows.values);
    expect(parts.map(({ length }) => length)).toEqual([8_192, 8_192, 3_616]);
    expect(parts.flatMap((part) => [...part])).toEqual([...data]);
  });

  it('says in which row and column something is no number', async () => {
    const columns = [{ name: 'a', data: ['1', 'x'], type: 'STRING' as const }];
    const bytes = new Uint8Array(parquetWriteBuffer({ columnData: columns }));
    expect(await fault(bytes)).toMatch(/row 1, column "a": "1" is not a number; .* --exclude a$/);
  });

  it('that is cut off is refused', async () => {
    const bytes = new Uint8Array(parquetWriteBuffer({ columnData })).subarray(0, 40);
    expect(await fault(bytes)).toMatch(/can't be read as Parquet/);
  });
});

it('a file that is not there, or a directory, is refused', async () => {
  const format = { decimal: 'point' } as const;
  await expect(openTable(join(directory, 'none'), format)).rejects.toThrow(/there is no such file/);
  await expect(openTable(directory, format)).rejects.toThrow(/is not a file/);
});
