import { FEATURE_COUNT } from '@liminal/shared/contracts/feature-vector';
import type { Sample } from './sample.ts';

/** Vectors that drift is measured on, newest last. */
export interface LookedAt {
  ts: number[];
  pValues: number[];
  /** Row-major [rows, 7]; numbers, NaN = not observed. */
  features: number[];
}

/** More than this are not kept: the tests would see nothing new. */
const MOST_ROWS = 2_000;
/** A window that has fewer rows goes further back than a round. */
const FEWEST_WINDOW_ROWS = 200;

export const noneLookedAt = (): LookedAt => ({ ts: [], pValues: [], features: [] });

export function append(kept: LookedAt, ts: number, pValue: number, values: Float32Array): void {
  kept.ts.push(ts);
  kept.pValues.push(pValue);
  for (let column = 0; column < FEATURE_COUNT; column++) kept.features.push(values[column]!);
}

/** Forgets the oldest beyond the most that are kept. */
export function forgetOldest(kept: LookedAt): void {
  const surplus = kept.ts.length - MOST_ROWS;
  if (surplus <= 0) return;
  kept.ts = kept.ts.slice(surplus);
  kept.pValues = kept.pValues.slice(surplus);
  kept.features = kept.features.slice(surplus * FEATURE_COUNT);
}

/**
 * The rows from `fromTs` on, but at least the newest 200: where few users are active at a time, a window goes over
 * several rounds, and may hold a user more than once.
 */
export function windowOf({ ts, pValues, features }: LookedAt, fromTs: number): LookedAt {
  const first = Math.min(firstSince(ts, fromTs), Math.max(0, ts.length - FEWEST_WINDOW_ROWS));
  return { ts: ts.slice(first), pValues: pValues.slice(first), features: features.slice(first * FEATURE_COUNT) };
}

/** Place of the first row that is not older; rows are in order but for what came late. */
export function firstSince(ts: readonly number[], fromTs: number): number {
  const found = ts.findIndex((time) => time >= fromTs);
  return found === -1 ? ts.length : found;
}

export function asSample({ ts, features }: LookedAt): Sample {
  return { rows: ts.length, columns: FEATURE_COUNT, values: Float32Array.from(features) };
}
