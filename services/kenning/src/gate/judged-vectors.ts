import { readVerdicts, type VerdictLog } from '@liminal/shared/adapters/verdict-stream';
import { PREDICTED_USER_LOAD } from '@liminal/shared/contracts/feature-vector';
import { modelInputs } from '@liminal/shared/contracts/model-input';
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

/**
 * The vector that was judged last of each user and kind: vectors of one user resemble each other, and one user's hundred
 * alarms are one finding. Verdicts that say `unclear` are none.
 */
export async function readJudgedVectors(redis: Redis, log: VerdictLog): Promise<JudgedVectors> {
  const last = new Map<string, JudgedAnomaly>();
  for await (const { judged } of readVerdicts(redis, log)) {
    const { anomaly } = judged.verdict;
    // A later verdict takes the place of an earlier one, and counts as the newest.
    last.delete(anomaly);
    last.set(anomaly, judged);
  }
  return vectorsOf([...last.values()]);
}

function vectorsOf(judged: readonly JudgedAnomaly[]): JudgedVectors {
  const chosen = [true, false].flatMap((isRight) => {
    const byUser = new Map<string, { values: Float32Array; ts: number; label: number }>();
    for (const { verdict, anomaly } of judged) {
      if (anomaly.entity !== 'user' || isConfirmed(verdict) !== isRight) continue;
      const { user, ts, values } = anomaly.record;
      byUser.delete(user);
      // A release fills in its own forecast.
      byUser.set(user, { ts, values: values.with(PREDICTED_USER_LOAD, Number.NaN), label: isRight ? 1 : 0 });
    }
    return [...byUser.values()].slice(-MOST_USERS);
  });
  return { inputs: modelInputs(chosen), labels: Uint8Array.from(chosen, ({ label }) => label) };
}
