import { describe, expect, it } from 'vitest';
import { createMatrix, observations, rowRange, takeRows } from './matrix.ts';

const matrix = createMatrix(Float32Array.of(1, 10, 3, Number.NaN, -20, 30), 2);

describe('matrix', () => {
  it('holds whole rows only', () => {
    expect(matrix).toMatchObject({ rows: 3, columns: 2 });
    expect(() => createMatrix(new Float32Array(5), 2)).toThrow('whole rows of 2 columns');
    expect(() => createMatrix(new Float32Array(0), 0)).toThrow('0 columns');
  });

  it('gives rows in any order and number', () => {
    expect(takeRows(matrix, Int32Array.of(2, 0, 2)).values).toEqual(Float32Array.of(-20, 30, 1, 10, -20, 30));
    expect(rowRange(matrix, 2, 3)).toEqual({ values: Float32Array.of(-20, 30), rows: 1, columns: 2 });
  });

  it('gives what was observed in a column, as a copy', () => {
    const observed = observations(matrix, 1);
    expect(observed).toEqual(Float32Array.of(10, 30));
    observed[0] = 0;
    expect(matrix.values[1]).toBe(10);
  });
});
