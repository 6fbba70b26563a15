import { describe, expect, it } from 'vitest';
import { Random } from '../runtime/random.ts';
import { tailScale } from './tail-scale.ts';

describe('tail scale', () => {
  it('of exponential scores is their mean, whatever their location', () => {
    const random = new Random(1);
    const scores = Float32Array.from({ length: 50_000 }, () => 100 + random.exponential(3));
    expect(tailScale(scores)).toBeGreaterThan(2.9);
    expect(tailScale(scores)).toBeLessThan(3.1);
  });

  it('is the mean excess of the highest tenth over the next score', () => {
    expect(tailScale(Float32Array.from({ length: 30 }, (_, index) => (index * 7) % 30))).toBe(28 - 26);
    expect(tailScale(Float32Array.of(5, 2))).toBe(3);
  });

  it.each([
    ['the highest are equal', Float32Array.of(0, 8, 8, 8), 6],
    ['all are equal', new Float32Array(40).fill(16), 2 ** -16],
    ['there is one', Float32Array.of(-0.5), 2 ** -20],
  ])('is positive where %s', (_, scores, expected) => {
    expect(tailScale(scores)).toBe(expected);
  });
});
