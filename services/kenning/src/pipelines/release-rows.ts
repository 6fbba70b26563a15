import {
  FEATURE_COUNT,
  LOAD_HISTORY_MINUTES,
  MINUTE_MS,
  VECTOR_LENGTH,
} from '@liminal/shared/contracts/feature-vector';
import { MINUTE_OF_DAY, MODEL_INPUT_LENGTH, minuteOfDay } from '@liminal/shared/contracts/model-input';
import { createMatrix, type Matrix } from '../detectors/matrix.ts';

/**
 * Position of the load of the vector's own minute: what a forecast is trained and calibrated on. It stands in the last row of
 * each user and minute, so that every minute counts once, as it does when forecasts are checked; NaN elsewhere, and
 * where no later row tells it.
 */
export const NEXT_LOAD = MODEL_INPUT_LENGTH;
/** Columns of the rows that a release is trained on: what models are given, then the load of the vector's own minute. */
export const RELEASE_ROW_LENGTH = MODEL_INPUT_LENGTH + 1;

/** Rows in the order of event time. */
export interface RecordedRows {
  rows: number;
  /** Event times, ms since the epoch. */
  ts: ArrayLike<number>;
  /** Number of each row's user. */
  userNumbers: ArrayLike<number>;
  /** rows × `FEATURE_COUNT`, row-major, NaN = not observed. */
  features: Float32Array;
  /** rows × `LOAD_HISTORY_MINUTES`, oldest minute first. */
  loadHistory: Float32Array;
}

/** [rows, `RELEASE_ROW_LENGTH`]. */
export function releaseRows(recorded: RecordedRows): Matrix {
  const { rows, ts, features, loadHistory } = recorded;
  const values = new Float32Array(rows * RELEASE_ROW_LENGTH);
  for (let row = 0; row < rows; row++) {
    const start = row * RELEASE_ROW_LENGTH;
    values.set(features.subarray(row * FEATURE_COUNT, (row + 1) * FEATURE_COUNT), start);
    const history = loadHistory.subarray(row * LOAD_HISTORY_MINUTES, (row + 1) * LOAD_HISTORY_MINUTES);
    values.set(history, start + FEATURE_COUNT);
    values[start + MINUTE_OF_DAY] = minuteOfDay(ts[row]!);
  }
  writeNextLoads(values, recorded);
  return createMatrix(values, RELEASE_ROW_LENGTH);
}

/**
 * The load of a row's own minute stands in the history of the user's first row after that minute, unless more minutes lie
 * between than a history has: as the predictor finds it out.
 */
function writeNextLoads(values: Float32Array, { rows, ts, userNumbers }: RecordedRows): void {
  const seenLast = new Map<number, { minute: number; row: number }>();
  // Backwards, so that what was seen last of a user is the row that follows.
  for (let row = rows - 1; row >= 0; row--) {
    const user = userNumbers[row]!;
    const minute = Math.floor(ts[row]! / MINUTE_MS);
    const seen = seenLast.get(user);
    const ago = seen === undefined ? 0 : seen.minute - minute;
    values[row * RELEASE_ROW_LENGTH + NEXT_LOAD] =
      ago >= 1 && ago <= LOAD_HISTORY_MINUTES
        ? values[seen!.row * RELEASE_ROW_LENGTH + VECTOR_LENGTH - ago]!
        : Number.NaN;
    seenLast.set(user, { minute, row });
  }
}
