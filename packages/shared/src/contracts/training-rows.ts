import { z } from 'zod';
import { FEATURE_NAMES } from './feature-vector.ts';

/** Up to this many users are counted exactly. */
export const EXACT_USERS = 1_000;

/** Where the archive lies in the model store. */
export const trainingKeys = {
  rowsPrefix: 'training/rows/',
  summary: 'training/summary.json',
} as const;

/** What the archive of training rows holds; lets a reader decide about training without reading the rows. */
export const archiveSummarySchema = z.strictObject({
  rows: z.int().min(0),
  users: z.int().min(0).describe('Different users; a lower bound when usersExact is false'),
  usersExact: z.boolean(),
  fromTs: z.int().nullable().describe('Event time of the oldest row, ms since the epoch; null while there is none'),
  toTs: z.int().nullable().describe('Event time of the newest row'),
  parts: z.int().min(0).describe('Parquet files'),
  updatedAt: z.iso.datetime(),
});
export type ArchiveSummary = z.infer<typeof archiveSummarySchema>;

/** Columns of a part, as any Parquet reader shows them, beside the features by name and `load_0` (oldest) … `load_32`. */
export const TRAINING_COLUMNS = {
  user: 'user',
  ts: 'ts',
  seq: 'seq',
  features: FEATURE_NAMES,
  load: (minute: number) => `load_${minute}`,
  score: (model: string) => `score_${model.replaceAll('-', '_')}`,
  modelPValue: (model: string) => `p_value_${model.replaceAll('-', '_')}`,
  pValue: 'p_value',
  severity: 'severity',
  release: 'release',
} as const;
