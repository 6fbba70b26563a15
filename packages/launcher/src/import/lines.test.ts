import { Readable } from 'node:stream';
import { Random } from '@liminal/shared/runtime/random';
import { expect, test } from 'vitest';
import { type Line, readLines } from './lines.ts';

async function linesOf(chunks: (string | Buffer)[], maxBytes?: number): Promise<Line[]> {
  const source = async function* () {
    for (const chunk of chunks) yield Buffer.from(chunk as string);
  };
  return Readable.from(readLines(source(), maxBytes)).toArray();
}

test('splits at line ends wherever chunks are cut', async () => {
  const text = Buffer.from('\uFEFFä one\r\n\nthree 😀\nlast');
  for (let cut = 0; cut <= text.length; cut++) {
    expect(await linesOf([text.subarray(0, cut), text.subarray(cut)])).toEqual([
      { number: 1, text: 'ä one' },
      { number: 2, text: '' },
      { number: 3, text: 'three 😀' },
      { number: 4, text: 'last' },
    ]);
  }
});

test('gives no text of a line over the limit, and goes on behind it', async () => {
  expect(await linesOf(['12345\n123', '456\n12', '3'], 5)).toEqual([
    { number: 1, text: '12345' },
    { number: 2, text: undefined },
    { number: 3, text: '123' },
  ]);
});

test('holds no more than the limit of a line without end', async () => {
  const before = process.memoryUsage().arrayBuffers;
  let held = 0;
  const endless = async function* () {
    for (let count = 0; count < 300; count++) yield Buffer.alloc(1_000_000, 'x');
    held = process.memoryUsage().arrayBuffers - before;
  };
  const lines = await Readable.from(readLines(endless())).toArray();
  expect(lines).toEqual([{ number: 1, text: undefined }]);
  expect(held).toBeLessThan(150_000_000);
});

test('any bytes make lines', async () => {
  const seed = 7;
  const random = new Random(seed);
  const bytes = Buffer.from(Array.from({ length: 20_000 }, () => random.int(256)));
  const newLines = bytes.filter((byte) => byte === 10).length;
  const endsOpen = bytes.at(-1) !== 10;
  expect(await linesOf([bytes]), `seed ${seed}`).toHaveLength(newLines + (endsOpen ? 1 : 0));
});
