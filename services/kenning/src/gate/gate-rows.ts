import { FEATURE_COUNT, LOAD_HISTORY_MINUTES, VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import type { Random } from '@liminal/shared/runtime/random';
import type { TrainingColumns } from '../archive/training-row.ts';
import { injectAnomalies } from './injected-anomalies.ts';
import type { GateRows } from './measure-release.ts';

/** One row of each user, drawn at random, and anomalies made of the same rows. */
export function gateRows(archived: TrainingColumns, random: Random): GateRows {
  const all = vectors(
    archived,
    Array.from({ length: archived.rows }, (_, row) => row),
  );
  const byUser = Map.groupBy(archived.users.keys(), (row) => archived.users[row]!);
  const ofUsers = vectors(
    archived,
    [...byUser.values()].map((rows) => random.pick(rows)),
  );
  return { all, ofUsers, injected: injectAnomalies(ofUsers, VECTOR_LENGTH, random) };
}

function vectors({ features, loadHistory }: TrainingColumns, rows: readonly number[]): Float32Array {
  const values = new Float32Array(rows.length * VECTOR_LENGTH);
  for (const [place, row] of rows.entries()) {
    values.set(features.subarray(row * FEATURE_COUNT, (row + 1) * FEATURE_COUNT), place * VECTOR_LENGTH);
    const history = loadHistory!.subarray(row * LOAD_HISTORY_MINUTES, (row + 1) * LOAD_HISTORY_MINUTES);
    values.set(history, place * VECTOR_LENGTH + FEATURE_COUNT);
  }
  return values;
}
