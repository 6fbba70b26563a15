import { describe, expect, it } from 'vitest';
import { Random } from '../runtime/random.ts';
import { canonicalJson, NotCanonicalError } from './canonical-json.ts';

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

const TEXTS = [
  '',
  'a',
  'z',
  'A',
  '10',
  '9',
  'é',
  '\u{1F600}',
  '\uFB33',
  '"',
  '\\',
  '\n',
  '\u0007',
  '\u2028',
  '__proto__',
];

function randomNumber(random: Random): number {
  const scale = 10 ** (random.int(40) - 20);
  return random.pick([0, -0, 1, -1, 1e21, 1e-7, 0.1, Number.MAX_SAFE_INTEGER, random.normal() * scale]);
}

function randomJson(random: Random, depth: number): Json {
  const kind = random.int(depth > 0 ? 6 : 4);
  if (kind === 0) return null;
  if (kind === 1) return random.next() < 0.5;
  if (kind === 2) return randomNumber(random);
  if (kind === 3) return random.pick(TEXTS) + random.pick(TEXTS);
  const size = random.int(5);
  if (kind === 4) return Array.from({ length: size }, () => randomJson(random, depth - 1));
  // defineProperty, so that __proto__ is a property like the others
  const record: { [name: string]: Json } = {};
  for (let index = 0; index < size; index++) {
    const value = randomJson(random, depth - 1);
    Object.defineProperty(record, random.pick(TEXTS) + index, { value, enumerable: true, configurable: true });
  }
  return record;
}

function shuffled(value: Json, random: Random): Json {
  if (Array.isArray(value)) return value.map((item) => shuffled(item, random));
  if (value === null || typeof value !== 'object') return value;
  const names = Object.keys(value);
  const order = random.sample(names.length, names.length);
  const entries = Array.from(order, (index) => [names[index]!, shuffled(value[names[index]!]!, random)] as const);
  return Object.fromEntries(entries);
}

/** -0 has no JSON form of its own. */
const withoutNegativeZero = (value: Json): Json => JSON.parse(JSON.stringify(value)) as Json;

describe('canonicalJson', () => {
  it('gives the text that RFC 8785 gives for its example', () => {
    const value = {
      numbers: [333333333.3333333, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"/',
      literals: [null, true, false],
    };
    expect(canonicalJson(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  it('sorts properties by UTF-16 code units, as RFC 8785 says', () => {
    const names = ['\u20ac', '\r', '\ufb33', '1', '\u{1F600}', '\u0080', '\u00f6'];
    const text = canonicalJson(Object.fromEntries(names.map((name) => [name, 0])));
    const sorted = ['\r', '1', '\u0080', '\u00f6', '\u20ac', '\u{1F600}', '\ufb33'];
    expect(Object.keys(JSON.parse(text)).filter((name) => name !== '1')).toEqual(sorted.filter((name) => name !== '1'));
    expect(text.indexOf('"1"')).toBe(text.indexOf('"\\r":0,') + '"\\r":0,'.length);
  });

  it('does not depend on the order of properties, keeps the value, and is stable', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new Random(seed);
      const value = randomJson(random, 4);
      const text = canonicalJson(value);
      expect(canonicalJson(shuffled(value, random)), `seed ${seed}`).toBe(text);
      expect(JSON.parse(text), `seed ${seed}`).toEqual(withoutNegativeZero(value));
      expect(canonicalJson(JSON.parse(text)), `seed ${seed}`).toBe(text);
    }
  });

  it('leaves out properties that are undefined', () => {
    expect(canonicalJson({ b: undefined, a: 1 })).toBe('{"a":1}');
  });

  it.each([
    ['NaN', { rate: Number.NaN }, '$.rate'],
    ['infinity', [1, Number.POSITIVE_INFINITY], '$[1]'],
    ['a hole in a list', [1, undefined], '$[1]'],
    ['a lone surrogate', { text: '\ud800' }, '$.text'],
    ['a date', { at: new Date(0) }, '$.at'],
    ['a typed array', { values: new Float32Array(1) }, '$.values'],
    ['a bigint', { count: 1n }, '$.count'],
    ['undefined', undefined, '$'],
  ])('refuses %s and says where', (_, value, path) => {
    expect(() => canonicalJson(value)).toThrow(NotCanonicalError);
    expect(() => canonicalJson(value)).toThrow(path);
  });
});
