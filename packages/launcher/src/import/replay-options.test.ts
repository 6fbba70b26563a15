import { describe, expect, test } from 'vitest';
import { parseReplayArguments, parseSpeed } from './replay-options.ts';

describe('arguments of replay', () => {
  test('have defaults', () => {
    expect(parseReplayArguments(['a.log', 'b.log'])).toEqual({
      files: ['a.log', 'b.log'],
      url: 'http://127.0.0.1:8000',
      speed: 'max',
      year: undefined,
      utcOffsetMs: 0,
    });
  });

  test('are read', () => {
    const args = ['--url', 'http://10.0.0.1:9000', '--speed', '60×', '--year=2015', '--utc-offset', '+05:30', 'a.log'];
    expect(parseReplayArguments(args)).toEqual({
      files: ['a.log'],
      url: 'http://10.0.0.1:9000',
      speed: 60,
      year: 2015,
      utcOffsetMs: 5.5 * 3_600_000,
    });
    expect(parseReplayArguments(['a.log', '--utc-offset', '-05:00'])).toMatchObject({ utcOffsetMs: -5 * 3_600_000 });
    expect(parseReplayArguments(['--help'])).toBe('help');
    expect([parseSpeed('1.5x'), parseSpeed('10')]).toEqual([1.5, 10]);
  });

  test.each([
    [[], /No file is given/],
    [['a.log', '--fast'], /--fast/],
    [['a.log', '--speed', '0×'], /--speed 0× is not a speed/],
    [['a.log', '--speed', 'quick'], /--speed quick is not a speed/],
    [['a.log', '--url', 'localhost:8000'], /--url localhost:8000 is not an address/],
    [['a.log', '--year', '15'], /--year 15 is not a year/],
    [['a.log', '--utc-offset', '2'], /--utc-offset 2 is not an offset from UTC/],
    [['a.log', '--utc-offset', '-13:00'], /--utc-offset -13:00 is not an offset from UTC/],
    [['a.log', '--utc-offset', '+02:60'], /--utc-offset \+02:60 is not an offset from UTC/],
  ])('%j are refused with one sentence', (args, message) => {
    expect(() => parseReplayArguments(args)).toThrow(message);
    try {
      parseReplayArguments(args);
    } catch (error) {
      expect((error as Error).message.trim().split('\n')).toHaveLength(1);
    }
  });
});
