import type { ModelStore } from '@liminal/shared/adapters/model-store';
import { FEATURE_COUNT } from '@liminal/shared/contracts/feature-vector';
import type { ReleaseManifest } from '@liminal/shared/contracts/release';
import { loadRows } from '@liminal/shared/release/load-release';
import type { Sample } from './sample.ts';

/**
 * Rows of the training of a release that windows are compared with. A release from before there was a reference has its
 * background rows instead, which are fewer, and may hold a user twice.
 */
export async function releaseReference(store: ModelStore, manifest: ReleaseManifest): Promise<Sample> {
  const { reference, background } = manifest;
  if (reference === undefined) {
    const { rows, columns } = background;
    const values = await loadRows(store, manifest.id, background, columns);
    return { rows, columns: FEATURE_COUNT, values: firstColumns(values, rows, columns) };
  }
  const values = await loadRows(store, manifest.id, reference, FEATURE_COUNT);
  return { rows: reference.rows, columns: FEATURE_COUNT, values };
}

function firstColumns(values: Float32Array, rows: number, columns: number): Float32Array {
  if (columns === FEATURE_COUNT) return values;
  const first = new Float32Array(rows * FEATURE_COUNT);
  for (let row = 0; row < rows; row++) {
    first.set(values.subarray(row * columns, row * columns + FEATURE_COUNT), row * FEATURE_COUNT);
  }
  return first;
}

/**
 * How many independent rows the calibration is worth: about its users. A release that does not tell is taken to have
 * calibrated with the same share of its users as of its rows.
 */
export function independentCalibrationRows({ calibration, trainingData }: ReleaseManifest): number {
  const { rows, independentRows } = calibration;
  return Math.min(independentRows ?? (trainingData.users * rows) / Math.max(trainingData.rows, 1), rows);
}
