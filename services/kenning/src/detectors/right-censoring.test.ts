import { expect, it } from 'vitest';
import { createMatrix } from './matrix.ts';
import { rightCensored } from './right-censoring.ts';

it('counts what is above the limit of its column or not observed as the limit, and leaves other columns alone', () => {
  const { NaN: missing, POSITIVE_INFINITY: infinite } = Number;
  const rows = createMatrix(Float32Array.of(1, 9, 4, 9, 5, infinite, missing, missing, infinite, -1), 2);
  const censored = rightCensored(rows, Float32Array.of(4, infinite));
  expect(censored).toEqual({ ...rows, values: Float32Array.of(1, 9, 4, 9, 4, infinite, 4, missing, 4, -1) });
  expect(rows.values[4]).toBe(5);
});
