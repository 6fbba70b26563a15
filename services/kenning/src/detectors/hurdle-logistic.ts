/**
 * What the load of a minute may be: no request at all, or a number of them whose log(1 + requests) is logistic. A hurdle model
 * (Mullahy 1986): loads of users are mostly zeros, and the rest is skewed.
 */
export interface HurdleLogistic {
  /** Of log(1 + requests), where there are any. */
  location: number;
  scale: number;
  /** Log odds that there are any. */
  logOdds: number;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** −log likelihood of `load` requests, as in `hurdleSurprise`. */
export function surprise({ location, scale, logOdds }: HurdleLogistic, load: number): number {
  if (load === 0) return softplus(logOdds);
  const z = (Math.log1p(load) - location) / scale;
  return softplus(-logOdds) + 2 * softplus(z) - z + Math.log(scale);
}

/**
 * What the surprise changes by, to first order, when each parameter changes by as much as itself: Σ |θ · ∂surprise/∂θ|. A
 * sharp distribution magnifies the rounding of its location.
 */
export function surpriseMagnitude({ location, scale, logOdds }: HurdleLogistic, load: number): number {
  if (load === 0) return Math.abs(logOdds) * sigmoid(logOdds);
  const z = (Math.log1p(load) - location) / scale;
  const slope = 2 * sigmoid(z) - 1;
  return Math.abs((slope * location) / scale) + Math.abs(1 - slope * z) + Math.abs(logOdds) * sigmoid(-logOdds);
}

/** The number of requests that a share of such minutes does not exceed; `share` in (0, 1). */
export function loadQuantile({ location, scale, logOdds }: HurdleLogistic, share: number): number {
  const above = 1 - share;
  const odds = (sigmoid(logOdds) - above) / above;
  return odds > 0 ? Math.expm1(Math.max(location + scale * Math.log(odds), 0)) : 0;
}

/**
 * How well `load` fits: the largest β for which it lies between the quantiles β/2 and 1 − β/2, in (0, 1]. The conformity score
 * of distributional conformal prediction (Chernozhukov, Wüthrich & Zhu 2021). No request at all, the value of many minutes,
 * lies within as soon as the lower end is zero: nothing has to be drawn to break ties.
 */
export function conformity({ location, scale, logOdds }: HurdleLogistic, load: number): number {
  const above = sigmoid(logOdds) * sigmoid((location - Math.log1p(load)) / scale);
  const upToIt = Math.min(1, 2 * (1 - above));
  return load === 0 ? upToIt : Math.min(upToIt, 2 * above);
}

/**
 * The β whose interval holds a fresh load with probability of at least 1 − `missRate`, by split conformal prediction:
 * the ⌊missRate·(n + 1)⌋-th smallest conformity of loads that were not fitted; 0, the whole line, where there are too few.
 */
export function intervalLevel(conformities: Float64Array, missRate: number): number {
  const rank = Math.floor(missRate * (conformities.length + 1));
  return rank === 0 ? 0 : conformities.toSorted()[rank - 1]!;
}
