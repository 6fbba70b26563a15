import { logFactorials } from './log-factorials.ts';

export interface AlarmRate {
  alarms: number;
  vectors: number;
  /** alarms / vectors; 0 without vectors. */
  rate: number;
  /** Exact confidence bounds (Clopper & Pearson 1934), each passed with probability `tail` at most. */
  low: number;
  high: number;
}

/** Of each bound, unless said otherwise. */
const TAIL = 0.05;
const BISECTIONS = 50;

/** `alarms` among `vectors` of independent users. */
export function alarmRate(alarms: number, vectors: number, tail = TAIL): AlarmRate {
  if (vectors === 0) return { alarms, vectors, rate: 0, low: 0, high: 1 };
  const logs = logFactorials(vectors);
  /** P(X ≤ most) of Binomial(vectors, rate). */
  const cumulative = (most: number, rate: number): number => {
    let sum = 0;
    for (let count = 0; count <= most; count++) {
      const logWays = logs[vectors]! - logs[count]! - logs[vectors - count]!;
      sum += Math.exp(logWays + count * Math.log(rate) + (vectors - count) * Math.log1p(-rate));
    }
    return sum;
  };
  return {
    alarms,
    vectors,
    rate: alarms / vectors,
    low: alarms === 0 ? 0 : bisect((rate) => 1 - cumulative(alarms - 1, rate) < tail),
    high: alarms === vectors ? 1 : bisect((rate) => cumulative(alarms, rate) > tail),
  };
}

/** The rate in (0, 1) up to which `isBelow` holds. */
function bisect(isBelow: (rate: number) => boolean): number {
  let low = 0;
  let high = 1;
  for (let step = 0; step < BISECTIONS; step++) {
    const middle = (low + high) / 2;
    if (isBelow(middle)) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
