import { expect, it } from 'vitest';
import { Random } from '../runtime/random.ts';
import { Likelihood, RECENT } from './likelihood.ts';

it('compares the newest novelties with mean and deviation of all before them', () => {
  const random = new Random(3);
  const novelties = Array.from({ length: 300 }, () => random.exponential(2));
  const likelihood = new Likelihood(1_000, 0);
  const given = novelties.map((novelty) => likelihood.update(novelty));
  const before = novelties.slice(0, -RECENT);
  const mean = before.reduce((sum, value) => sum + value, 0) / before.length;
  const variance = before.reduce((sum, value) => sum + (value - mean) ** 2, 0) / before.length;
  const recent = novelties.slice(-RECENT).reduce((sum, value) => sum + value, 0) / RECENT;
  expect(given.at(-1)).toBeCloseTo(Math.max((recent - mean) / Math.sqrt(variance), -1), 9);
});

it('forgets, once it has seen as much as it remembers', () => {
  const likelihood = new Likelihood(100, 0);
  const random = new Random(4);
  for (let count = 0; count < 2_000; count++) likelihood.update(100 + random.normal());
  for (let count = 0; count < 2_000; count++) likelihood.update(random.normal());
  expect(likelihood.mean).toBeCloseTo(0, 0);
  expect(Math.sqrt(likelihood.variance)).toBeCloseTo(1, 0);
});

it('knows nothing at first, and stays between its bounds', () => {
  const likelihood = new Likelihood(100, 0);
  const first = Array.from({ length: 2 * RECENT }, () => likelihood.update(1));
  expect(first).toEqual([...Array(2 * RECENT - 1).fill(Number.NaN), 0]);
  expect(likelihood.update(2)).toBe(100);
  for (let count = 0; count < 50; count++) likelihood.update(count % 2);
  for (let count = 0; count < RECENT - 1; count++) likelihood.update(-1_000);
  expect(likelihood.update(-1_000)).toBe(-1);
});

it('finds one novelty of the least size unlikely by 1 at most, however quiet it was', () => {
  const likelihood = new Likelihood(100, 0.5);
  for (let count = 0; count < 50; count++) likelihood.update(0);
  expect(likelihood.update(0.5)).toBeCloseTo(1, 9);
});

it('is not misled by what is not known', () => {
  const [with_, without] = [new Likelihood(100, 0), new Likelihood(100, 0)];
  const random = new Random(5);
  for (let count = 0; count < 50; count++) {
    const novelty = random.next();
    if (count % 7 === 0) expect(with_.update(Number.NaN)).toBeNaN();
    expect(with_.update(novelty)).toEqual(without.update(novelty));
  }
});
