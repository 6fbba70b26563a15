/** Row-major float32 matrix: `values[row * columns + column]`. NaN = not observed. */
export interface Matrix {
  readonly values: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/** A matrix over `values` without copying. Throws `RangeError` where they don't fill whole rows. */
export function createMatrix(values: Float32Array, columns: number): Matrix {
  if (!Number.isInteger(columns) || columns < 1) throw new RangeError(`a matrix can't have ${columns} columns`);
  if (values.length % columns !== 0) {
    throw new RangeError(`${values.length} values don't fill whole rows of ${columns} columns`);
  }
  return { values, rows: values.length / columns, columns };
}

/** A copy of the given rows in the given order. */
export function takeRows(matrix: Matrix, indices: Int32Array): Matrix {
  const { columns } = matrix;
  const values = new Float32Array(indices.length * columns);
  for (let target = 0; target < indices.length; target++) {
    const start = indices[target]! * columns;
    values.set(matrix.values.subarray(start, start + columns), target * columns);
  }
  return { values, rows: indices.length, columns };
}

/** A view of the rows `[start, end)`, without copying. */
export function rowRange(matrix: Matrix, start: number, end: number): Matrix {
  const { columns } = matrix;
  return { values: matrix.values.subarray(start * columns, end * columns), rows: end - start, columns };
}

/** The observed (not NaN) values of a column, in the order of the rows; a copy. */
export function observations(matrix: Matrix, column: number): Float32Array {
  const observed = new Float32Array(matrix.rows);
  let count = 0;
  for (let index = column; index < matrix.values.length; index += matrix.columns) {
    const value = matrix.values[index]!;
    if (!Number.isNaN(value)) observed[count++] = value;
  }
  return observed.subarray(0, count);
}

/** A copy of the given columns in the given order. */
export function takeColumns(matrix: Matrix, columns: ArrayLike<number>): Matrix {
  const values = new Float32Array(matrix.rows * columns.length);
  for (let row = 0; row < matrix.rows; row++) {
    for (let target = 0; target < columns.length; target++) {
      values[row * columns.length + target] = matrix.values[row * matrix.columns + columns[target]!]!;
    }
  }
  return { values, rows: matrix.rows, columns: columns.length };
}
