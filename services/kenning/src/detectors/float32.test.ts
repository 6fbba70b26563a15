import { describe, expect, it } from 'vitest';
import { FLOAT32_MAX, floorToFloat32, previousFloat32 } from './float32.ts';

describe('float32 neighbours', () => {
  it.each([
    [1, 1 - 2 ** -24],
    [-1, -1 - 2 ** -23],
    [0, -(2 ** -149)],
    [-0, -(2 ** -149)],
    [2 ** -149, 0],
    [FLOAT32_MAX, FLOAT32_MAX - 2 ** 104],
  ])('the one before %d is %d', (value, previous) => {
    expect(previousFloat32(value)).toBe(previous);
  });

  it.each([0.01, 0.05, 1 / 3, -0.05, 0.5, 7])('rounds %d down, by less than a step', (value) => {
    const floor = floorToFloat32(value);
    expect(Math.fround(floor)).toBe(floor);
    expect(floor).toBeLessThanOrEqual(value);
    expect(value - floor).toBeLessThan(2 ** -23 * Math.abs(value));
  });
});
