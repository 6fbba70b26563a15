import { expect, it } from 'vitest';
import { counterIncrease, NO_READING } from './counter-increase.ts';

const at = (minute: number, reading: number) => ({ minute, reading });

it('tells the increase of a counter, also over a reset', () => {
  expect(counterIncrease(at(0, 100), at(1, 130))).toBe(30);
  expect(counterIncrease(at(1, 130), at(2, 130))).toBe(0);
  expect(counterIncrease(at(2, 130), at(3, 12))).toBe(12);
});

it('knows no increase where a reading is missing, or where intervals lie between two', () => {
  expect(counterIncrease(NO_READING, at(0, 3))).toBeNaN();
  expect(counterIncrease(at(0, Number.NaN), at(1, 3))).toBeNaN();
  expect(counterIncrease(at(0, 3), at(1, Number.NaN))).toBeNaN();
  expect(counterIncrease(at(0, 3), at(2, 9))).toBeNaN();
});
