import { FEATURE_COUNT } from '@liminal/shared/contracts/feature-vector';
import type { Sample } from './sample.ts';

/** Vectors that drift is measured on, newest last. */
export interface LookedAt {
  ts: number[];
  pValues: number[];
  /** Row-major [rows, 7]; numbers, NaN = not observed. */
  features: number[];
}

/** More than this in a round are not kept: the tests would see nothing new. */
const MOST_ROWS = 5_000;

export const noneLookedAt = (): LookedAt => ({ ts: [], pValues: [], features: [] });

export function append(kept: LookedAt, ts: number, pValue: number, values: Float32Array): void {
  kept.ts.push(ts);
  kept.pValues.push(pValue);
  for (let column = 0; column < FEATURE_COUNT; column++) kept.features.push(values[column]!);
}

/** Forgets what is older than `fromTs`, and the oldest beyond the most that are kept. */
export function forgetBefore(kept: LookedAt, fromTs: number): void {
  const surplus = kept.ts.length - MOST_ROWS;
  const order = kept.ts.flatMap((ts, row) => (ts >= fromTs && row >= surplus ? [row] : []));
  if (order.length === kept.ts.length) return;
  const { ts, pValues, features } = kept;
  kept.ts = order.map((row) => ts[row]!);
  kept.pValues = order.map((row) => pValues[row]!);
  kept.features = order.flatMap((row) => features.slice(row * FEATURE_COUNT, (row + 1) * FEATURE_COUNT));
}

export function asSample({ ts, features }: LookedAt): Sample {
  return { rows: ts.length, columns: FEATURE_COUNT, values: Float32Array.from(features) };
}
