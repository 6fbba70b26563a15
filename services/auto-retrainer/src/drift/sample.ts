import type { Random } from '@liminal/shared/runtime/random';

/** Vectors of different users, so that they are independent of each other. */
export interface Sample {
  /** Row-major [rows, columns], NaN = not observed. */
  values: Float32Array;
  rows: number;
  columns: number;
}

/** The observed values of a column, ascending. */
export function sortedColumn({ values, rows, columns }: Sample, column: number): Float64Array {
  const observed = new Float64Array(rows);
  let count = 0;
  for (let row = 0; row < rows; row++) {
    const value = values[row * columns + column]!;
    if (!Number.isNaN(value)) observed[count++] = value;
  }
  return observed.subarray(0, count).sort();
}

/** `rows` rows drawn at random; all of them where there are no more. */
export function subsample(sample: Sample, rows: number, random: Random): Sample {
  if (sample.rows <= rows) return sample;
  const { columns } = sample;
  const values = new Float32Array(rows * columns);
  for (const [place, row] of random.sample(sample.rows, rows).entries()) {
    values.set(sample.values.subarray(row * columns, (row + 1) * columns), place * columns);
  }
  return { values, rows, columns };
}

/** The rows of the reference, then those of the current window. */
export function pool(reference: Sample, current: Sample): Sample {
  const { columns } = reference;
  if (columns !== current.columns) {
    throw new RangeError(`samples have ${columns} and ${current.columns} columns: compare vectors of one schema`);
  }
  const values = new Float32Array((reference.rows + current.rows) * columns);
  values.set(reference.values.subarray(0, reference.rows * columns));
  values.set(current.values.subarray(0, current.rows * columns), reference.rows * columns);
  return { values, rows: reference.rows + current.rows, columns };
}
