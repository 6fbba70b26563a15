import type { ModelName, Severity } from '@liminal/shared/contracts/prediction';

/** What is kept of a prediction: the vector that was scored and what the release said about it. */
export interface TrainingRow {
  user: string;
  /** Event time, whole ms since the epoch. */
  ts: number;
  seq: number;
  /** `VECTOR_LENGTH` float32: features, then load history; NaN = not observed. */
  values: Float32Array;
  scores: Partial<Record<ModelName, { score: number; pValue: number }>>;
  /** Combined p-value. */
  pValue: number;
  severity: Severity;
  release: string;
}

/** The part of rows that training reads, column by column. */
export interface TrainingColumns {
  rows: number;
  users: string[];
  /** Event times, ms since the epoch. */
  ts: Float64Array;
  seqs: Int32Array;
  /** rows × `FEATURE_COUNT`, row-major, NaN = not observed. */
  features: Float32Array;
  /** rows × `LOAD_HISTORY_MINUTES`, row-major, oldest minute first; null when it was not asked for. */
  loadHistory: Float32Array | null;
}
