import { describe, expect, it } from 'vitest';
import { Random } from './random.ts';

describe('sample', () => {
  it('draws different numbers, all of them when asked for as many', () => {
    const drawn = new Random(1).sample(1000, 1000);
    expect([...drawn].toSorted((left, right) => left - right)).toEqual([...Array(1000).keys()]);
    expect([...drawn]).not.toEqual([...Array(1000).keys()]);
  });

  it.each([0, 1, 62, 63, 500])('draws the first %i numbers as a longer sample does', (size) => {
    const whole = new Random(7).sample(1000, 1000);
    expect(new Random(7).sample(1000, size)).toEqual(whole.slice(0, size));
  });

  it('refuses to draw more numbers than there are', () => {
    expect(() => new Random(1).sample(3, 4)).toThrow(/4 different numbers out of 3/);
  });
});

it('gives every number of [0, bound) about equally often', () => {
  const random = new Random(3);
  const counts = new Int32Array(10);
  for (let draw = 0; draw < 100_000; draw++) counts[random.int(10)]!++;
  // χ² with 9 degrees of freedom exceeds 27.9 once in a thousand seeds.
  expect(counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0)).toBeLessThan(27.9);
});

it('goes on as its seed says, on every machine', () => {
  // sfc32 seeded by splitmix32, computed in Python.
  const random = new Random(42);
  expect([random.uint32(), random.uint32(), random.uint32()]).toEqual([1_959_603_763, 2_423_114_712, 2_466_933_512]);
});
