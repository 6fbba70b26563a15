import { UsageError } from '@liminal/shared/runtime/usage-error';
import { expect, it } from 'vitest';
import { durationText, intervalMs, intervalText, medianStepMs, timestampMs } from './timestamps.ts';

const NOON = Date.UTC(2026, 2, 2, 12, 30);

it.each([
  ['2026-03-02 12:30:00', NOON],
  ['2026-03-02T12:30', NOON],
  ['2026-03-02T12:30:00Z', NOON],
  ['2026-03-02t12:30:00.250z', NOON + 250],
  ['2026-03-02T14:30:00+02:00', NOON],
  ['2026-03-02 07:00:00-0530', NOON],
  ['2026-03-02', Date.UTC(2026, 2, 2)],
  [' 1772454600 ', NOON],
  ['1772454600.5', NOON + 500],
  ['1772454600000', NOON],
])('reads %s as a time', (text, expected) => {
  expect(timestampMs(text)).toBe(expected);
});

it.each([
  '',
  'yesterday',
  '02.03.2026',
  '2026-13-01',
  '2026-02-30',
  '2026-04-31T12:00Z',
  '2026-03-02 25:00',
  '-5',
  '12:30',
])('reads no time in %j', (text) => {
  expect(timestampMs(text)).toBeNaN();
});

it('takes the middle one of the steps forwards for the interval', () => {
  expect(medianStepMs(Float64Array.of(0, 60, 120, 100, 160, 460))).toBe(60);
  expect(() => medianStepMs(Float64Array.of(5, 5, 3))).toThrow(RangeError);
});

it.each([
  ['30s', 30_000],
  ['5m', 300_000],
  ['1h', 3_600_000],
  ['2d', 172_800_000],
])('reads and writes the interval %s', (text, expected) => {
  expect(intervalMs(text)).toBe(expected);
  expect(intervalText(expected)).toBe(text);
});

it.each(['5', 'm', '0m', '1.5h', '5 m', '1w'])('refuses the interval %j', (text) => {
  expect(() => intervalMs(text)).toThrow(UsageError);
});

it('tells lengths of time to a tenth', () => {
  expect([0, 90_000, 5_400_000, 207_000_000].map(durationText)).toEqual(['0s', '1.5m', '1.5h', '2.4d']);
});
