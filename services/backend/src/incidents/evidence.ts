import { type DecayedSum, remaining, valueAt } from './decayed-sum.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Evidence loses half of its weight in this time. */
export const HALF_LIFE_MS = HOUR_MS;
/** So much evidence makes a risk of 50. */
const HALF_RISK_EVIDENCE = 10;

/** What is usual is an average over weeks. */
export const USUAL_HALF_LIFE_MS = 7 * 24 * HOUR_MS;
/** Before there are so many hours, what is missing of them counts as quiet. */
const LEAST_HISTORY_MS = 6 * HOUR_MS;

/** An anomaly at the default alarm rate has this p-value at most: it counts 1, one ten times rarer counts 2. */
const UNIT_P = 0.01;

/**
 * Evidence of one anomaly: decades of its p-value below 0.1, so that p = 0.01 counts 1 and p = 0.001 counts 2. The sum over
 * anomalies is that of Fisher's method, less what every anomaly has by being one.
 */
export const evidenceOf = (pValue: number): number => Math.max(0, 1 + Math.log10(UNIT_P / pValue));

/**
 * What a group gathers all the time, in the unit of a sum with `HALF_LIFE_MS`: its long-run rate times what a sum holds of a
 * steady rate. `since`: when its counting began, with which a short history is put right.
 */
export function usualEvidence(longRun: DecayedSum | undefined, since: number, now: number): number {
  if (longRun === undefined) return 0;
  const elapsed = Math.max(now - since, LEAST_HISTORY_MS);
  const covered = 1 - remaining(elapsed, USUAL_HALF_LIFE_MS);
  return (valueAt(longRun, now, USUAL_HALF_LIFE_MS) / covered) * (HALF_LIFE_MS / USUAL_HALF_LIFE_MS);
}

/** 0 to 100: half of what is missing to 100 with each `HALF_RISK_EVIDENCE`. Rises with evidence, falls with time. */
export const riskAt = (evidence: DecayedSum, now: number): number =>
  100 * (1 - 2 ** (-valueAt(evidence, now, HALF_LIFE_MS) / HALF_RISK_EVIDENCE));

/**
 * Orders incidents by risk at any time: all lose weight at the same pace, so their order changes only with what comes in. It
 * is the base-2 logarithm of the evidence, counted from the epoch; 0, less than any other, without evidence.
 */
export const rankOf = ({ amount, at }: DecayedSum): number => (amount > 0 ? Math.log2(amount) + at / HALF_LIFE_MS : 0);

/** The least rank of incidents that have at least this risk now. */
export const rankOfRisk = (risk: number, now: number): number =>
  rankOf({ amount: -HALF_RISK_EVIDENCE * Math.log2(1 - risk / 100), at: now });
