import type { Random } from '@liminal/shared/runtime/random';

/** Log-normal with the given median; `sigma` is the standard deviation of the logarithm. */
export const lognormal = (random: Random, median: number, sigma: number): number =>
  median * Math.exp(sigma * random.normal());
