/**
 * What is bet on the next p-value: densities of Beta(a, b) distributions. Strange vectors become more (p near 0; Vovk,
 * Nouretdinov & Gammerman 2003: ε p^(ε−1)), become fewer (p near 1), both, or all look alike (p in the middle).
 */
const SHAPES = [
  { a: 0.25, b: 1, means: 'stranger' },
  { a: 0.5, b: 1, means: 'stranger' },
  { a: 0.75, b: 1, means: 'stranger' },
  { a: 1, b: 0.25, means: 'more typical' },
  { a: 1, b: 0.5, means: 'more typical' },
  { a: 1, b: 0.75, means: 'more typical' },
  { a: 0.5, b: 0.5, means: 'stranger or more typical' },
  { a: 2, b: 2, means: 'more alike' },
] as const;

/** ln B(a, b) of the bets above, in closed form: B(a, 1) = 1/a, B(½, ½) = π, B(2, 2) = 1/6. */
const LOG_BETA = SHAPES.map(({ a, b }) => {
  if (b === 1) return -Math.log(a);
  if (a === 1) return -Math.log(b);
  return a === 0.5 ? Math.log(Math.PI) : -Math.log(6);
});

/**
 * And that so many times as many vectors alarm as should, all others staying as they are: what a few users with a new
 * client do, which the densities above hardly see. Density `times` up to the alert rate, and what is left above it.
 */
const TAILS = [
  { times: 2, means: 'more alarms' },
  { times: 4, means: 'more alarms' },
] as const;
/** A bet on alarms puts no more than this share of all vectors there. */
const MOST_ALARMS = 0.5;

/** All bets. */
export const BETS = [...SHAPES, ...TAILS];

/** Smallest distance of a p-value from 0 and 1 that is told from none. */
const EDGE = 2 ** -53;

/** Where a bet has earned since it last stood at its lowest: the likeliest moment of a change (Page 1954). */
interface Rise {
  logGain: number;
  sinceTs: number;
}

export interface MartingaleState {
  /** p-values so far. */
  steps: number;
  /** ln of the capital of each bet, of all moments at which it may have begun. */
  logCapitals: number[];
  /** ln of the martingale. */
  logValue: number;
  /** ln of the largest value so far: the alarm is about this one. */
  logHighest: number;
  rises: Rise[];
}

export const newMartingale = (): MartingaleState => ({
  steps: 0,
  logCapitals: BETS.map(() => Number.NEGATIVE_INFINITY),
  logValue: 0,
  logHighest: 0,
  rises: BETS.map(() => ({ logGain: 0, sinceTs: 0 })),
});

/**
 * One step of a test martingale against "the p-values are independent and uniform". It starts with capital 1, of which
 * the share 1/log₂(k + 1) − 1/log₂(k + 2) is laid on the bets just before p-value k and stays there; what is not yet
 * laid out is kept. So it is the mixture, over all moments k at which drift may begin and over `BETS`, of the capital
 * that this bet would have made since: never negative, and a fair game under no drift, hence P(it ever reaches 1/ε) ≤ ε
 * (Ville 1939). A drift that begins after k vectors costs ln k + 2 ln ln k of evidence more, however long nothing
 * happened before.
 */
export function bet(state: MartingaleState, pValue: number, ts: number, alertRate: number): void {
  const p = Math.min(Math.max(pValue, EDGE), 1 - EDGE);
  const logFactors = [...shapeFactors(p), ...tailFactors(p, alertRate)];
  state.steps++;
  const share = kept(state.steps - 1) - kept(state.steps);
  const logShare = Math.log(share / BETS.length);
  let logValue = Math.log(kept(state.steps));
  for (const [index, logFactor] of logFactors.entries()) {
    const logCapital = logSum(state.logCapitals[index]!, logShare) + logFactor;
    state.logCapitals[index] = logCapital;
    logValue = logSum(logValue, logCapital);
    const rise = state.rises[index]!;
    if (rise.logGain <= 0) state.rises[index] = { logGain: logFactor, sinceTs: ts };
    else rise.logGain += logFactor;
  }
  state.logValue = logValue;
  state.logHighest = Math.max(state.logHighest, logValue);
}

/** ln of the densities at p. */
function shapeFactors(p: number): number[] {
  const logP = Math.log(p);
  const logQ = Math.log1p(-p);
  return SHAPES.map(({ a, b }, index) => (a - 1) * logP + (b - 1) * logQ - LOG_BETA[index]!);
}

function tailFactors(p: number, alertRate: number): number[] {
  return TAILS.map(({ times }) => {
    const share = Math.min(times * alertRate, MOST_ALARMS);
    return Math.log(p <= alertRate ? share / alertRate : (1 - share) / (1 - alertRate));
  });
}

/** The bet that has earned most since it was at its lowest, and since when: what changed, and about when. */
export function likeliestChange({ rises }: MartingaleState): {
  means: (typeof BETS)[number]['means'];
  sinceTs: number;
} {
  let best = 0;
  for (let index = 1; index < rises.length; index++) if (rises[index]!.logGain > rises[best]!.logGain) best = index;
  return { means: BETS[best]!.means, sinceTs: rises[best]!.sinceTs };
}

/** Capital that is not laid on any bet after `steps` p-values. */
const kept = (steps: number): number => 1 / Math.log2(steps + 2);

function logSum(left: number, right: number): number {
  const largest = Math.max(left, right);
  if (largest === Number.NEGATIVE_INFINITY) return largest;
  return largest + Math.log(Math.exp(left - largest) + Math.exp(right - largest));
}
