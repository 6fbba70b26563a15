import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { createMatrix } from '../detectors/matrix.ts';
import { mostTypicalFirst } from './background-rows.ts';

describe('background rows, the most typical first', () => {
  it('are the same rows', () => {
    const random = new Random(1);
    const rows = createMatrix(
      Float32Array.from({ length: 60 }, () => random.normal()),
      3,
    );
    const texts = (values: Float32Array) =>
      Array.from({ length: 20 }, (_, row) => values.subarray(3 * row, 3 * row + 3).join()).sort();
    expect(texts(mostTypicalFirst(rows).values)).toEqual(texts(rows.values));
  });

  it('begin in the middle, then spread over all that there is, by ranks and not by size', () => {
    const rows = createMatrix(Float32Array.of(1e6, 0, 1, 2, 3, 4, 1e9), 1);
    const [first, second, third] = mostTypicalFirst(rows).values;
    expect(first).toBe(3);
    expect([second, third].sort((a, b) => a! - b!)).toEqual([1, 1e6]);
  });

  it('have groups as often as all rows do, those with missing values too', () => {
    // 3 of 4 rows are observed in the second column.
    const rows = createMatrix(
      Float32Array.from({ length: 160 }, (_, index) =>
        index % 2 === 0 ? (index / 2) % 7 : (index >> 1) % 4 === 0 ? Number.NaN : 1,
      ),
      2,
    );
    const { values } = mostTypicalFirst(rows);
    const missing = Array.from({ length: 16 }, (_, row) => values[2 * row + 1]!).filter(Number.isNaN);
    expect(missing.length).toBeGreaterThanOrEqual(3);
    expect(missing.length).toBeLessThanOrEqual(5);
  });

  it('take rows that are all equal, or of which nothing was observed', () => {
    expect(mostTypicalFirst(createMatrix(new Float32Array(6).fill(2), 2)).values).toEqual(new Float32Array(6).fill(2));
    expect(mostTypicalFirst(createMatrix(new Float32Array(4).fill(Number.NaN), 1)).values).toHaveLength(4);
  });
});
