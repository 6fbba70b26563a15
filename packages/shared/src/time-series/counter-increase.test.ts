import { expect, it } from 'vitest';
import { counterIncrease } from './counter-increase.ts';

it('tells the increase of a counter, also over a reset', () => {
  expect(counterIncrease(100, 130)).toBe(30);
  expect(counterIncrease(130, 130)).toBe(0);
  expect(counterIncrease(130, 12)).toBe(12);
});

it('knows no increase where a reading is missing', () => {
  expect(counterIncrease(Number.NaN, 3)).toBeNaN();
  expect(counterIncrease(3, Number.NaN)).toBeNaN();
});
