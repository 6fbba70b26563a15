import { expect, it } from 'vitest';
import { Random } from '../runtime/random.ts';
import { motionNovelty, valueNovelty } from './novelty.ts';
import { SeriesHistory } from './series-history.ts';

/** The same from the whole series, with no ring and nothing reused. */
function naive(values: readonly number[], capacity: number): { value: number; motion: number } {
  const states: { value: number; fast: number; slow: number }[] = [];
  for (const value of values) {
    const before = states.at(-1) ?? { fast: value, slow: value };
    states.push({
      value,
      fast: Math.fround(before.fast + 0.3 * (value - before.fast)),
      slow: Math.fround(before.slow + 0.05 * (value - before.slow)),
    });
  }
  const newest = states.at(-1)!;
  const kept = states.slice(-capacity);
  const values1 = kept.slice(0, -2).map(({ value }) => Math.abs(value - newest.value));
  const states3 = kept
    .slice(0, -4)
    .map(({ value, fast, slow }) => Math.hypot(value - newest.value, fast - newest.fast, slow - newest.slow));
  return { value: Math.sqrt(Math.min(...values1)), motion: Math.sqrt(Math.min(...states3)) };
}

it('is the distance to the nearest neighbour in the past, also when the ring has wrapped around', () => {
  const random = new Random(11);
  const values = Array.from({ length: 500 }, () => Math.fround(10 * random.normal()));
  const history = new SeriesHistory(100);
  for (const [index, value] of values.entries()) {
    history.push(value);
    if (index < 5) continue;
    const expected = naive(values.slice(0, index + 1), 100);
    expect(valueNovelty(history)).toBeCloseTo(expected.value, 6);
    expect(motionNovelty(history)).toBeCloseTo(expected.motion, 6);
  }
});

it('leaves the newest neighbours in time out', () => {
  const history = new SeriesHistory(100);
  for (const value of [0, 0, 0, 50, 50]) history.push(value);
  // The 50 before it is not compared with; 50 away there are zeros.
  expect(valueNovelty(history)).toBeCloseTo(Math.sqrt(50), 6);
  history.push(50);
  expect(valueNovelty(history)).toBe(0);
});

it('passes over missing values', () => {
  const history = new SeriesHistory(100);
  for (const value of [1, Number.NaN, 4, Number.NaN, Number.NaN, Number.NaN, Number.NaN, 9]) history.push(value);
  expect(valueNovelty(history)).toBeCloseTo(Math.sqrt(5), 6);
  expect(Number.isFinite(motionNovelty(history))).toBe(true);
});

it('is unknown without a past', () => {
  const history = new SeriesHistory(100);
  history.push(1);
  expect(valueNovelty(history)).toBeNaN();
  expect(motionNovelty(history)).toBeNaN();
});
