import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, test } from 'vitest';
import { ElementTooLongError, parseJsonArray } from './json-array.ts';

const limits = { pieceBytes: 16, elementBytes: 1_000 };
const parse = (text: string): unknown[][] => [...parseJsonArray(Buffer.from(text), limits)];

/** The array, or 'refused'. */
function outcome(parseText: () => unknown): unknown {
  try {
    return parseText();
  } catch (error) {
    if (error instanceof SyntaxError) return 'refused';
    throw error;
  }
}

describe('parsing an array in pieces', () => {
  test.each([
    '[]',
    ' \n[ ]\t',
    '[1,2,3,4,5,6,7,8,9,10,11,12,13]',
    '[{"a":"],[\\"}","b":[1,[2]]},"\\\\",{"ü":"€😀"}, null]',
    '["a long one with , and ] in it","another long one \\\\\\" ,"]',
  ])('gives what JSON.parse gives: %s', (text) => {
    expect(parse(text).flat()).toEqual(JSON.parse(text));
  });

  test('really comes in pieces', () => {
    expect(parse(JSON.stringify(Array.from({ length: 100 }, (_, index) => index))).length).toBeGreaterThan(10);
  });

  test.each([
    '',
    '{}',
    '[',
    '[1',
    '[1,]',
    '[,1]',
    '[1}]',
    '[{]}]',
    '[1]]',
    '[1] x',
    '["aaaaaaaaaaaaaaaaaaaaaaaaaaaa",]',
    '["aaaaaaaaaaaaaaaaaaaaaaaaaaaa",                      ,1]',
    '["unfinished \\"]',
  ])('refuses what JSON.parse refuses: %s', (text) => {
    expect(() => parse(text)).toThrow(SyntaxError);
  });

  test('agrees with JSON.parse on arrays with random damage', () => {
    const seed = 20261;
    const random = new Random(seed);
    let refused = 0;
    for (let round = 0; round < 3_000; round++) {
      const elements = Array.from({ length: random.int(12) }, () => ({
        [random.pick(['a', ']"', ','])]: [random.int(9)],
      }));
      const text = JSON.stringify(elements);
      const at = random.int(text.length);
      const damaged =
        text.slice(0, at) + random.pick(['', ',', ']', '[', '"', '{', '}', ' ', '\\']) + text.slice(at + 1);
      const expected = outcome(() => JSON.parse(damaged));
      if (expected === 'refused') refused++;
      // Another value than an array does not come here.
      if (expected !== 'refused' && !Array.isArray(expected)) continue;
      expect(
        outcome(() => parse(damaged).flat()),
        `seed ${seed}, round ${round}: ${damaged}`,
      ).toEqual(expected);
    }
    expect(refused).toBeGreaterThan(500);
  });

  test('names the element that is too long, also when it never ends', () => {
    const long = `"${'x'.repeat(2_000)}"`;
    for (const text of [`[1,2,${long},3]`, `[1,2,${'['.repeat(2_000)}`]) {
      expect(() => parse(text)).toThrow(new ElementTooLongError(2));
    }
  });
});
