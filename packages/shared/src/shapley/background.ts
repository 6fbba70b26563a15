/** Rows that stand for the training data: what a feature outside of a coalition is taken from. */
export interface Background {
  /** Row-major float32 [rows, columns], NaN = not observed. */
  values: Float32Array;
  rows: number;
  columns: number;
}

export const backgroundRow = ({ values, columns }: Background, row: number): Float32Array =>
  values.subarray(row * columns, (row + 1) * columns);

/** Scores `count` rows, row-major float32 [count, columns], NaN = not observed. */
export type Evaluate = (rows: Float32Array, count: number) => Promise<ArrayLike<number>>;
