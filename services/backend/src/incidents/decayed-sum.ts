/**
 * A sum in which everything loses half of its weight in each half-life, kept so that time alone changes nothing of what is
 * stored: `amount` is its value at the time `at`, of its newest part (forward decay; Cormode et al. 2009). Times are ms.
 */
export interface DecayedSum {
  amount: number;
  at: number;
}

/** What is left of 1 after `elapsedMs`; 1 for what is yet to come. */
export const remaining = (elapsedMs: number, halfLifeMs: number): number => 2 ** (-Math.max(0, elapsedMs) / halfLifeMs);

/** The order in which parts are added does not matter, but for rounding. */
export function added(sum: DecayedSum | undefined, amount: number, ts: number, halfLifeMs: number): DecayedSum {
  if (sum === undefined) return { amount, at: ts };
  const at = Math.max(sum.at, ts);
  return { amount: valueAt(sum, at, halfLifeMs) + amount * remaining(at - ts, halfLifeMs), at };
}

export const valueAt = ({ amount, at }: DecayedSum, now: number, halfLifeMs: number): number =>
  amount * remaining(now - at, halfLifeMs);
