import { FEATURE_COUNT, VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import { describe, expect, it } from 'vitest';
import { checkForecast } from './forecast-check.ts';

const MINUTE_MS = 60_000;
const NOON = Date.UTC(2026, 0, 5, 12);

/** A load history by minutes before the running one: `{ 1: 4 }` is 4 requests in the newest minute, 0 in the others. */
function vector(ts: number, loads: Record<number, number>) {
  const values = new Float32Array(VECTOR_LENGTH).fill(0, FEATURE_COUNT);
  for (const [ago, load] of Object.entries(loads)) values[VECTOR_LENGTH - Number(ago)] = load;
  return { ts, values };
}

const made = {
  ...vector(NOON + 42_000, { 1: 9, 2: 6 }),
  forecast: { forecaster: 'lstm', load: 7.5, lower: 3, upper: 16 } as const,
};

describe('a forecast', () => {
  it('is not checked before its minute is over', () => {
    expect(checkForecast(made, vector(NOON + 59_999, { 1: 9 }))).toBeUndefined();
  });

  it.each([1, 2, 33])('is checked from a vector %d minutes later, beside what others would have said', (ago) => {
    const check = checkForecast(made, vector(NOON + ago * MINUTE_MS, { [ago]: 12 }));
    expect(check).toEqual({
      checked: { forecaster: 'lstm', load: 7.5, lower: 3, upper: 16, minuteTs: NOON, actual: 12 },
      errors: { lstm: 4.5, persistence: 3, ewma: expect.closeTo(12 - (9 / 3 + (2 / 3) * (6 / 3)), 6) },
      isInside: true,
    });
  });

  it('is not checked once its minute has left the history', () => {
    expect(checkForecast(made, vector(NOON + 34 * MINUTE_MS, {}))).toBeUndefined();
  });

  it.each([
    [3, true],
    [16, true],
    [2, false],
    [17, false],
    [0, false],
  ])('tells whether the load lay in the interval: %d', (load, isInside) => {
    expect(checkForecast(made, vector(NOON + MINUTE_MS, { 1: load }))).toMatchObject({ isInside });
  });

  it('of the moving average has no interval', () => {
    const forecast = { forecaster: 'ewma', load: 5, lower: Number.NaN, upper: Number.NaN } as const;
    const check = checkForecast({ ...made, forecast }, vector(NOON + MINUTE_MS, { 1: 6 }))!;
    expect(check.isInside).toBeUndefined();
    expect(check.errors).toEqual({ ewma: 1, persistence: 3 });
  });

  it('that was not made is not checked', () => {
    expect(checkForecast({ ...made, forecast: null }, vector(NOON + MINUTE_MS, { 1: 6 }))).toBeUndefined();
  });
});
