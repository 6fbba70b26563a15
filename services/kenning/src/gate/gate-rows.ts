import {
  FEATURE_COUNT,
  LOAD_HISTORY_MINUTES,
  PREDICTED_USER_LOAD,
  VECTOR_LENGTH,
} from '@liminal/shared/contracts/feature-vector';
import { MODEL_INPUT_LENGTH, modelInputs } from '@liminal/shared/contracts/model-input';
import type { Random } from '@liminal/shared/runtime/random';
import type { TrainingColumns } from '../archive/training-row.ts';
import { injectAnomalies } from './injected-anomalies.ts';
import type { GateRows } from './measure-release.ts';

/** One row of each user, drawn at random, and anomalies made of the same rows. */
export function gateRows(archived: TrainingColumns, random: Random): GateRows {
  const all = inputs(
    archived,
    Array.from({ length: archived.rows }, (_, row) => row),
  );
  const byUser = Map.groupBy(archived.users.keys(), (row) => archived.users[row]!);
  const ofUsers = inputs(
    archived,
    [...byUser.values()].map((rows) => random.pick(rows)),
  );
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
