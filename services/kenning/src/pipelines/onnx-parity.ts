import { type ConformalCalibration, conformalPValue, tailPValue } from '../calibration/conformal.ts';
import { type Matrix, rowRange } from '../detectors/matrix.ts';
import { ModelSession } from '../onnx/model-session.ts';
import { OnnxParityError } from './training-errors.ts';

/**
 * How far a score of ONNX Runtime (float32) may lie from the one of the fitted model (float64), relative to the score, or to
 * what it is the difference of, where that is above 1: float32 has 6e-8 of it for each rounding.
 */
export const SCORE_TOLERANCE = 1e-5;
/** The same for the logarithm of a tail-extended p-value, whose exponent is rounded to float32. */
const LOG_TAIL_TOLERANCE = 1e-5;
const PROBED_ROWS = 256;

/** Rows to compare on: the first rows as they are, then again with each column not observed, then with none. */
export function probeRows(rows: Matrix, most = PROBED_ROWS): Matrix {
  const { columns } = rows;
  const probed = rowRange(rows, 0, Math.min(rows.rows, most));
  const copies = columns + 2;
  const values = new Float32Array(copies * probed.values.length);
  for (let copy = 0; copy < copies; copy++) {
    const isAllMissing = copy === columns + 1;
    const missingColumn = copy - 1;
    const target = values.subarray(copy * probed.values.length, (copy + 1) * probed.values.length);
    probed.values.forEach((value, index) => {
      target[index] = isAllMissing || index % columns === missingColumn ? Number.NaN : value;
    });
  }
  return { values, rows: copies * probed.rows, columns };
}

const differenceOf = (value: number, expected: number, magnitude = 1): number =>
  Math.abs(value - expected) / Math.max(1, magnitude, Math.abs(expected));

/** Within `SCORE_TOLERANCE`; NaN is close to nothing. */
export const isClose = (value: number, expected: number, magnitude?: number): boolean =>
  differenceOf(value, expected, magnitude) <= SCORE_TOLERANCE;

export interface ParityQuestion {
  name: string;
  onnx: Uint8Array;
  /** Raw rows, NaN = not observed. */
  rows: Matrix;
  /** Scores of the fitted model, one a row. */
  expectedScores: Float64Array;
  /** What each score changes by when all that it is made of is rounded by as much as itself: 1 or the score, unless given. */
  magnitudes?: Float64Array;
  calibration: ConformalCalibration;
  signal?: AbortSignal | undefined;
}

/**
 * Throws `OnnxParityError` unless the file gives the fitted model's scores (within `SCORE_TOLERANCE`) and the p-values that
 * belong to its own scores: exactly the conformal ones, and the tail-extended ones to rounding. Returns the largest
 * difference of a score that it found, in the terms of `SCORE_TOLERANCE`.
 */
export async function assertParity(question: ParityQuestion): Promise<number> {
  const { name, onnx, rows, expectedScores, magnitudes, calibration, signal } = question;
  const session = await ModelSession.open(onnx);
  try {
    const { scores, pValues, tailPValues } = await session.run(rows, signal);
    let largest = 0;
    for (let row = 0; row < rows.rows; row++) {
      const score = scores[row]!;
      const expected = expectedScores[row]!;
      if (!isClose(score, expected, magnitudes?.[row])) {
        throw new OnnxParityError(`the ONNX file of ${name} scores a row ${score}, the fitted model ${expected}`);
      }
      largest = Math.max(largest, differenceOf(score, expected, magnitudes?.[row]));
      const pValue = conformalPValue(calibration, score);
      if (pValues[row] !== pValue) {
        throw new OnnxParityError(
          `the ONNX file of ${name} gives p = ${pValues[row]} for score ${score}, not ${pValue}`,
        );
      }
      const logTail = Math.log(tailPValue(calibration, score));
      if (!(Math.abs(Math.log(tailPValues[row]!) - logTail) <= LOG_TAIL_TOLERANCE * (1 - logTail))) {
        throw new OnnxParityError(
          `the ONNX file of ${name} gives a tail of ${tailPValues[row]} for score ${score}, not ${Math.exp(logTail)}`,
        );
      }
    }
    return largest;
  } finally {
    await session.release();
  }
}
