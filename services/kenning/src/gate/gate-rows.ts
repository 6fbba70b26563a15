import {
  FEATURE_COUNT,
  LOAD_HISTORY_MINUTES,
  PREDICTED_USER_LOAD,
  VECTOR_LENGTH,
} from '@liminal/shared/contracts/feature-vector';
import { MODEL_INPUT_LENGTH, modelInputs } from '@liminal/shared/contracts/model-input';
import type { Random } from '@liminal/shared/runtime/random';
import type { TrainingColumns } from '../archive/training-row.ts';
import { rowsOfDifferentGroups } from '../pipelines/reference-rows.ts';
import { injectAnomalies } from './injected-anomalies.ts';
import type { GateRows } from './measure-release.ts';

const MOST_USERS = 2_000;
/** So many are worth it to count a user who makes more than his share of the rows less often than his rows would. */
const FEWEST_USERS = 40;

/**
 * Rows of different users, each of all rows with the same chance: calibration rows are drawn so too, and a row of each
 * user would stand for those who are hardly ever there. Only where a user who never rests would leave fewer than 40 rows,
 * some of his are left out. Anomalies are made of the same rows.
 */
export function gateRows(archived: TrainingColumns, random: Random): GateRows {
  const all = inputs(archived, [...Array(archived.rows).keys()]);
  const numbers = new Map([...new Set(archived.users)].map((user, number) => [user, number]));
  const userNumbers = Int32Array.from(archived.users, (user) => numbers.get(user)!);
  const chosen = rowsOfDifferentGroups(userNumbers, { most: MOST_USERS, fewest: FEWEST_USERS }, random);
  const ofUsers = inputs(archived, [...chosen]);
  return { all, ofUsers, injected: injectAnomalies(ofUsers, MODEL_INPUT_LENGTH, random) };
}

/** As a release is given them: it fills in the predicted load by itself. */
function inputs({ features, loadHistory, ts }: TrainingColumns, rows: readonly number[]): Float32Array {
  return modelInputs(
    rows.map((row) => {
      const values = new Float32Array(VECTOR_LENGTH);
      values.set(features.subarray(row * FEATURE_COUNT, (row + 1) * FEATURE_COUNT));
      values.set(loadHistory!.subarray(row * LOAD_HISTORY_MINUTES, (row + 1) * LOAD_HISTORY_MINUTES), FEATURE_COUNT);
      values[PREDICTED_USER_LOAD] = Number.NaN;
      return { values, ts: ts[row] };
    }),
  );
}
