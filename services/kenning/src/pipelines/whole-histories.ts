import {
  FEATURE_COUNT,
  LOAD_HISTORY_MINUTES,
  PREDICTED_USER_LOAD,
  VECTOR_LENGTH,
} from '@liminal/shared/contracts/feature-vector';
import { ewmaForecast } from '@liminal/shared/features/load-forecast';
import type { LoadHistories } from '../detectors/load-lstm.ts';
import { createMatrix, type Matrix, takeColumns } from '../detectors/matrix.ts';
import { ModelSession } from '../onnx/model-session.ts';
import { NEXT_LOAD } from './release-rows.ts';
import type { TrainedModel } from './trained-model.ts';

/** What the LSTM takes of a row: load history and minute of the day. */
export const LOAD_INPUT = { offset: FEATURE_COUNT, length: LOAD_HISTORY_MINUTES + 1 } as const;

export interface WholeHistories extends LoadHistories {
  /** The rows that have a whole history, ascending. */
  rows: Int32Array;
}

/** `rows`: [rows, `RELEASE_ROW_LENGTH`]. */
export function wholeHistories({ values, rows, columns }: Matrix): WholeHistories {
  const inputOf = (row: number): Float32Array => {
    const start = row * columns + LOAD_INPUT.offset;
    return values.subarray(start, start + LOAD_INPUT.length);
  };
  const whole = Int32Array.from(Array(rows).keys()).filter((row) => !inputOf(row).some(Number.isNaN));
  const histories = new Float32Array(whole.length * LOAD_INPUT.length);
  for (const [place, row] of whole.entries()) histories.set(inputOf(row), place * LOAD_INPUT.length);
  return {
    rows: whole,
    histories: createMatrix(histories, LOAD_INPUT.length),
    nextLoads: Float32Array.from(whole, (row) => values[row * columns + NEXT_LOAD]!),
  };
}

/**
 * The features [rows, `FEATURE_COUNT`] of release rows, `predicted_user_load` as the release will fill it in: by the LSTM
 * where there is one and the history is whole, else by the moving average. What was served when the rows were recorded
 * came from older releases, and models that learned it would meet another distribution.
 */
export async function servedFeatures(
  rows: Matrix,
  lstm: TrainedModel | undefined,
  signal: AbortSignal | undefined,
): Promise<Matrix> {
  const features = takeColumns(rows, [...Array(FEATURE_COUNT).keys()]);
  for (let row = 0; row < rows.rows; row++) {
    const start = row * rows.columns;
    const average = ewmaForecast(rows.values.subarray(start + FEATURE_COUNT, start + VECTOR_LENGTH));
    features.values[row * FEATURE_COUNT + PREDICTED_USER_LOAD] = average;
  }
  if (lstm === undefined) return features;
  const { rows: whole, histories } = wholeHistories(rows);
  const session = await ModelSession.open(lstm.onnx);
  try {
    const [loads] = await session.outputs(histories, [lstm.forecast!.load], signal);
    for (const [place, row] of whole.entries()) {
      features.values[row * FEATURE_COUNT + PREDICTED_USER_LOAD] = loads![place]!;
    }
    return features;
  } finally {
    await session.release();
  }
}
