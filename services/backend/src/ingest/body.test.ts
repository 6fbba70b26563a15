import { LiminalError } from '@liminal/shared/runtime/errors';
import { describe, expect, test } from 'vitest';
import { type BodyFormat, EVENT_LIMIT_BYTES, readValues } from './body.ts';

const read = (text: string | Buffer, format: BodyFormat = 'json'): unknown[] =>
  [...readValues(Buffer.from(text), format)].flat();

function refusal(text: string | Buffer, format: BodyFormat = 'json'): Partial<LiminalError> {
  try {
    read(text, format);
  } catch (error) {
    if (error instanceof LiminalError) return { code: error.code, details: error.details };
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('JSON', () => {
  test('holds one value or an array of them', () => {
    expect(read(' {"a":1}')).toEqual([{ a: 1 }]);
    expect(read('\n[{"a":1},2]')).toEqual([{ a: 1 }, 2]);
    expect(read('[]')).toEqual([]);
  });

  test('is read in pieces when it is long', () => {
    const values = Array.from({ length: 5_000 }, (_, index) => ({ index, text: 'x'.repeat(100) }));
    const pieces = [...readValues(Buffer.from(JSON.stringify(values)), 'json')];
    expect(pieces.length).toBeGreaterThan(2);
    expect(pieces.flat()).toEqual(values);
  });

  test.each(['', '  ', '{', '[1,', 'abc'])('refuses %j', (text) => {
    expect(refusal(text).code).toBe('LIMINAL_ERR_EVENTS_UNREADABLE');
  });

  test('refuses what is not UTF-8, since names would silently change', () => {
    expect(refusal(Buffer.from([0x22, 0xff, 0x22])).code).toBe('LIMINAL_ERR_EVENTS_UNREADABLE');
  });

  test('bounds a single event, alone or among others', () => {
    const long = JSON.stringify('x'.repeat(EVENT_LIMIT_BYTES));
    expect(refusal(long)).toMatchObject({ code: 'LIMINAL_ERR_EVENT_INVALID', details: { index: 0 } });
    const others = `"${'y'.repeat(50_000)}",`.repeat(5);
    expect(refusal(`[${others}${long}]`)).toMatchObject({ code: 'LIMINAL_ERR_EVENT_INVALID', details: { index: 5 } });
  });
});

describe('NDJSON', () => {
  test('holds one value a line; blank lines hold none', () => {
    expect(read('{"a":1}\r\n\n  \n{"b":2}', 'ndjson')).toEqual([{ a: 1 }, { b: 2 }]);
    expect(read('', 'ndjson')).toEqual([]);
  });

  test('names the line that is no JSON, after what came before it', () => {
    const values = readValues(Buffer.from('{"a":1}\n{"b":2}\n{"c":\n{"d":4}'), 'ndjson');
    expect(values.next().value).toEqual([{ a: 1 }, { b: 2 }]);
    expect(() => values.next()).toThrow(/Event 2 .*is no JSON/);
  });

  test('is read in pieces when it is long', () => {
    const lines = Array.from({ length: 5_000 }, (_, index) => ({ index, text: 'x'.repeat(100) }));
    const pieces = [...readValues(Buffer.from(lines.map((line) => JSON.stringify(line)).join('\n')), 'ndjson')];
    expect(pieces.length).toBeGreaterThan(2);
    expect(pieces.flat()).toEqual(lines);
  });

  test('bounds a line', () => {
    expect(refusal(`1\n"${'x'.repeat(EVENT_LIMIT_BYTES)}"`, 'ndjson')).toMatchObject({
      details: { index: 1, path: '' },
    });
  });
});
