/**
 * A small stand-in for a release: squared Mahalanobis distance to the training rows, gaps filled with their means, and
 * split-conformal p-values against calibration rows.
 */
export class DistanceScorer {
  readonly #means: Float64Array;
  readonly #precision: Float64Array[];
  readonly #calibration: Float64Array;

  constructor(training: readonly Float32Array[], calibration: readonly Float32Array[]) {
    const columns = training[0]!.length;
    this.#means = Float64Array.from({ length: columns }, (_, column) => {
      const observed = training.map((row) => row[column]!).filter((value) => !Number.isNaN(value));
      return observed.reduce((sum, value) => sum + value, 0) / observed.length;
    });
    this.#precision = inverse(this.#covariance(training));
    this.#calibration = Float64Array.from(calibration, (row) => this.#score(row)).sort();
  }

  pValue(row: Float32Array): number {
    const score = this.#score(row);
    let above = 0;
    for (const calibrated of this.#calibration) if (calibrated >= score) above++;
    return (1 + above) / (1 + this.#calibration.length);
  }

  #centred(row: Float32Array): Float64Array {
    return Float64Array.from(row, (value, column) => (Number.isNaN(value) ? 0 : value - this.#means[column]!));
  }

  #covariance(rows: readonly Float32Array[]): Float64Array[] {
    const centred = rows.map((row) => this.#centred(row));
    return Array.from(this.#means, (_, left) =>
      Float64Array.from(
        this.#means,
        (_, right) => centred.reduce((sum, row) => sum + row[left]! * row[right]!, 0) / rows.length,
      ),
    );
  }

  #score(row: Float32Array): number {
    const centred = this.#centred(row);
    let score = 0;
    for (const [left, precision] of this.#precision.entries()) {
      for (const [right, weight] of precision.entries()) score += centred[left]! * weight * centred[right]!;
    }
    return score;
  }
}

/** Gauss–Jordan; the covariances here are far from singular. */
function inverse(matrix: readonly Float64Array[]): Float64Array[] {
  const size = matrix.length;
  const rows = matrix.map((row, index) => {
    const extended = new Float64Array(2 * size);
    extended.set(row);
    extended[size + index] = 1;
    return extended;
  });
  for (let pivot = 0; pivot < size; pivot++) {
    const scale = rows[pivot]![pivot]!;
    for (let column = 0; column < 2 * size; column++) rows[pivot]![column]! /= scale;
    for (let row = 0; row < size; row++) {
      const factor = rows[row]![pivot]!;
      if (row === pivot || factor === 0) continue;
      for (let column = 0; column < 2 * size; column++) rows[row]![column]! -= factor * rows[pivot]![column]!;
    }
  }
  return rows.map((row) => row.slice(size));
}
