import { FEATURE_COUNT } from '@liminal/shared/contracts/feature-vector';
import type { LabelSource } from '@liminal/shared/contracts/tuning';
import { toFeatures } from '@liminal/shared/contracts/vector-body';
import type { TrainingRows } from '../archive/archive-reader.ts';
import { createMatrix, type Matrix, takeRows } from '../detectors/matrix.ts';
import { TrainingDataError } from '../pipelines/training-errors.ts';

export interface LabelledRows {
  rows: Matrix;
  /** One a row: 1 = anomaly. */
  labels: Uint8Array;
}

export interface SeparatedRows {
  /** Undefined where nobody gave labels. */
  labelled: LabelledRows | undefined;
  /** The archived rows that have no label. */
  unlabelled: Matrix;
  /** Labels of rows that are not in the archive. */
  labelsNotFound: number;
}

/**
 * Parts archived rows into those with a label and the others, and adds the rows that bring their label along. Throws
 * `TrainingDataError` where labels were given but those of one kind are all of rows that are not archived.
 */
export function separateLabelled(archived: TrainingRows, { labels, labelledRows }: LabelSource): SeparatedRows {
  const matrix = createMatrix(archived.features, FEATURE_COUNT);
  if (labels.length === 0 && labelledRows.length === 0) {
    return { labelled: undefined, unlabelled: matrix, labelsNotFound: 0 };
  }
  const byRow = new Map(labels.map((label) => [identityOf(label.user, label), label.anomaly]));
  const missing = new Set(byRow.keys());
  const found: number[] = [];
  const others: number[] = [];
  const known: number[] = [];
  for (let row = 0; row < archived.rows; row++) {
    const user = archived.users[row]!;
    const identities = [identityOf(user, { seq: archived.seqs[row]! }), identityOf(user, { ts: archived.ts[row]! })];
    const identity = identities.find((key) => byRow.has(key));
    if (identity === undefined) {
      others.push(row);
      continue;
    }
    found.push(row);
    known.push(byRow.get(identity) ? 1 : 0);
    for (const key of identities) missing.delete(key);
  }
  const brought = Float32Array.from(labelledRows.flatMap(({ features }) => Array.from(toFeatures(features))));
  const values = Float32Array.from([...takeRows(matrix, Int32Array.from(found)).values, ...brought]);
  const all = Uint8Array.from([...known, ...labelledRows.map(({ anomaly }) => (anomaly ? 1 : 0))]);
  if (!all.includes(0) || !all.includes(1)) {
    throw new TrainingDataError(
      `of the labelled rows ${all.length} are in the archive and ${missing.size} are not, and those that are have all the ` +
        'same label: label archived rows of both kinds, or send rows with their labels',
    );
  }
  return {
    labelled: { rows: createMatrix(values, FEATURE_COUNT), labels: all },
    unlabelled: takeRows(matrix, Int32Array.from(others)),
    labelsNotFound: missing.size,
  };
}

function identityOf(user: string, { seq, ts }: { seq?: number | undefined; ts?: number | undefined }): string {
  return seq === undefined ? `ts ${ts} ${user}` : `seq ${seq} ${user}`;
}
