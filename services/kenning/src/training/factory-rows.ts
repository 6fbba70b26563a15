import { createHash } from 'node:crypto';
import { FEATURE_COUNT } from '@liminal/shared/contracts/feature-vector';
import { replayEvents } from '@liminal/shared/features/replay';
import { normalTraffic } from '@liminal/simulator/traffic';

/** A day, so that every hour's traffic is in it; always the same one, so that the same seed gives the same files. */
const START_MS = Date.UTC(2026, 0, 5);
const DAY_MS = 24 * 3_600_000;
const USERS = 300;

export interface FactoryRows {
  rows: number;
  users: string[];
  ts: Float64Array;
  /** Row-major float32 [rows, 7], NaN = not observed; `predicted_user_load` never is. */
  features: Float32Array;
  /** Row-major float32 [rows, 33], oldest minute first. */
  loadHistory: Float32Array;
  sha256: string;
}

/** Rows of a day of simulated normal traffic, through the same fold as real events. */
export function factoryRows({ seed, platformUsers = USERS }: { seed: number; platformUsers?: number }): FactoryRows {
  const users: string[] = [];
  const ts: number[] = [];
  const features: number[] = [];
  const loads: number[] = [];
  const events = normalTraffic({ seed, startMs: START_MS, endMs: START_MS + DAY_MS, users: platformUsers });
  for (const vector of replayEvents(events)) {
    for (const [index, value] of vector.values.entries()) (index < FEATURE_COUNT ? features : loads).push(value);
    users.push(vector.user);
    ts.push(vector.ts);
  }
  const rows = Float32Array.from(features);
  const loadHistory = Float32Array.from(loads);
  const sha256 = createHash('sha256')
    .update(JSON.stringify([users, ts]))
    .update(new Uint8Array(rows.buffer))
    .update(new Uint8Array(loadHistory.buffer))
    .digest('hex');
  return { rows: users.length, users, ts: Float64Array.from(ts), features: rows, loadHistory, sha256 };
}
