import { readVerdicts, type VerdictLog } from '@liminal/shared/adapters/verdict-stream';
import { PREDICTED_USER_LOAD } from '@liminal/shared/contracts/feature-vector';
import { modelInputs } from '@liminal/shared/contracts/model-input';
import type { RowLabel } from '@liminal/shared/contracts/tuning';
import { isConfirmed, type JudgedAnomaly } from '@liminal/shared/contracts/verdict';
import type { Redis } from 'ioredis';

/** Vectors that alarmed and that analysts have judged. No label has a part in any training. */
export interface JudgedVectors {
  /** Row-major [n, `MODEL_INPUT_LENGTH`], NaN = not observed. */
  inputs: Float32Array;
  /** One a row: 1 = a right alarm, 0 = a false one. */
  labels: Uint8Array;
}

/** Newest users of either kind that are looked at. */
const MOST_USERS = 1_000;

interface JudgedVector {
  user: string;
  seq: number;
  ts: number;
  values: Float32Array;
  isRight: boolean;
}

/** What analysts have judged, each as a release would be given it. */
export async function readJudgedVectors(redis: Redis, log: VerdictLog): Promise<JudgedVectors> {
  const chosen = await readChosen(redis, log);
  // A release fills in its own forecast.
  const vectors = chosen.map(({ ts, values }) => ({ ts, values: values.with(PREDICTED_USER_LOAD, Number.NaN) }));
  return { inputs: modelInputs(vectors), labels: Uint8Array.from(chosen, ({ isRight }) => (isRight ? 1 : 0)) };
}

/** The same as labels of archived rows. */
export async function readJudgedRows(redis: Redis, log: VerdictLog): Promise<RowLabel[]> {
  return (await readChosen(redis, log)).map(({ user, seq, isRight }) => ({ user, seq, anomaly: isRight }));
}

/**
 * The vector that was judged last of each user and kind: vectors of one user resemble each other, and one user's hundred
 * alarms are one finding. Verdicts that say `unclear` are none.
 */
async function readChosen(redis: Redis, log: VerdictLog): Promise<JudgedVector[]> {
  const last = new Map<string, JudgedAnomaly>();
  for await (const { judged } of readVerdicts(redis, log)) {
    const { anomaly } = judged.verdict;
    // A later verdict takes the place of an earlier one, and counts as the newest.
    last.delete(anomaly);
    last.set(anomaly, judged);
  }
  return [true, false].flatMap((isRight) => {
    const byUser = new Map<string, JudgedVector>();
    for (const { verdict, anomaly } of last.values()) {
      if (anomaly.entity !== 'user' || isConfirmed(verdict) !== isRight) continue;
      const { user, seq, ts, values } = anomaly.record;
      byUser.delete(user);
      byUser.set(user, { user, seq, ts, values, isRight });
    }
    return [...byUser.values()].slice(-MOST_USERS);
  });
}
