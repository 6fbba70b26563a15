import type { Tensor } from './differentiable-graph.ts';
import { softplus } from './operations/composed.ts';
import { add, div, log, mul, sub } from './operations/elementwise.ts';
import { split } from './operations/layout.ts';

/** Columns of what a network tells of a load. */
export const HURDLE_PARAMETERS = 3;
/**
 * Smallest scale, in log(1 + requests): with a user of whom the network is very sure, every single request more would
 * otherwise be an anomaly. From 9 to 10 requests it is 0.1.
 */
export const SMALLEST_SCALE = 0.1;

/**
 * −log likelihood [n, 1] of loads under a hurdle model (Mullahy 1986) on a logarithmic scale: whether there is any request is
 * a coin, and log(1 + requests) of those that have some is logistic. `parameters` [n, 3]: location, scale before
 * softplus + `SMALLEST_SCALE`, log odds of a request. `logLoad` [n, 1] = log(1 + requests), `isActive` [n, 1]: 1 where there
 * is a request, else 0.
 */
export function hurdleSurprise(parameters: Tensor, logLoad: Tensor, isActive: Tensor): Tensor {
  const { graph } = parameters;
  const [location, rawScale, logOdds] = split(parameters, [1, 1, 1], 1);
  const scale = add(softplus(rawScale!), graph.scalar(SMALLEST_SCALE));
  const z = div(sub(logLoad, location!), scale);
  // −log density of the logistic distribution: z + 2 log(1 + e^−z) + log scale, where log(1 + e^−z) = log(1 + e^z) − z.
  const size = add(sub(mul(softplus(z), graph.scalar(2)), z), log(scale));
  return add(softplus(logOdds!), mul(isActive, sub(size, logOdds!)));
}
