import { expect, it } from 'vitest';
import { repetition } from './repetition.ts';
import { SeriesHistory } from './series-history.ts';

function historyOf(...values: number[]): SeriesHistory {
  const history = new SeriesHistory(1_000);
  for (const value of values) history.push(value);
  return history;
}
const distinct = Array.from({ length: 50 }, (_, index) => index);

it('finds a series that stands still twice as long as ever before', () => {
  expect(repetition(historyOf(...distinct, 7, 7, 7), 0)).toEqual({ run: 3, ratio: 0 });
  expect(repetition(historyOf(...distinct, 7, 7, 7, 7), 0)).toEqual({ run: 4, ratio: 1 });
  // Runs of 5 have been there before, so that it takes 10.
  const fives = [...distinct, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1];
  expect(repetition(historyOf(...fives, ...Array(9).fill(7)), 0).ratio).toBeCloseTo(0.9, 9);
  expect(repetition(historyOf(...fives, ...Array(10).fill(7)), 0).ratio).toBe(1);
});

it('takes a reported standstill for ordinary until it has doubled', () => {
  expect(repetition(historyOf(...distinct, ...Array(6).fill(7)), 4).ratio).toBeCloseTo(0.75, 9);
  expect(repetition(historyOf(...distinct, ...Array(8).fill(7)), 4).ratio).toBe(1);
});

it('says nothing of a series that never moved', () => {
  expect(repetition(historyOf(...Array(500).fill(3)), 0)).toEqual({ run: 500, ratio: 0 });
  expect(repetition(historyOf(), 0)).toEqual({ run: 0, ratio: 0 });
});

it('does not count over missing values', () => {
  expect(repetition(historyOf(...distinct, 7, 7, Number.NaN, 7, 7), 0).run).toBe(2);
});
