import type { Matrix } from './matrix.ts';

/**
 * A copy in which the intervals of some columns are right-censored: one longer than the limit of its column, or one that
 * was not observed, since nothing has come a second time yet, counts as the limit. `limits`: one a column, ∞ for a column
 * that stays as it is, NaN and all.
 */
export function rightCensored(rows: Matrix, limits: Float32Array): Matrix {
  const { columns } = rows;
  return {
    ...rows,
    values: rows.values.map((value, index) => {
      const limit = limits[index % columns]!;
      return limit === Number.POSITIVE_INFINITY || value <= limit ? value : limit;
    }),
  };
}
