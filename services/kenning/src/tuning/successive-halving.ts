/** A configuration as far as it got. */
export interface Ranked<Configuration, Outcome> {
  configuration: Configuration;
  /** Place among the configurations as they were given. */
  index: number;
  /** Rungs that it took part in, from 1. */
  rungs: number;
  /** Resource of its last rung, as it was given. */
  resource: number;
  /** What came out in its last rung. */
  outcome: Outcome;
}

export interface SuccessiveHalvingOptions<Configuration, Outcome> {
  /** Resource of each rung, ascending: training rows, steps, a share of either … */
  resources: readonly number[];
  /** Of each rung the best 1/reduction go on. */
  reduction: number;
  evaluate(configuration: Configuration, resource: number, progress: { done: number; of: number }): Promise<Outcome>;
  /** Higher is better; NaN counts as the worst. */
  qualityOf(outcome: Outcome): number;
}

/**
 * Successive halving (Jamieson & Talwalkar 2016, with a reduction other than 2 as in Li et al. 2018): all configurations
 * get a small resource, the best part of them a larger one, and so on. Best first: who got further comes first, and of
 * those that got equally far the one with the higher value; ties keep the given order.
 */
export async function successiveHalving<Configuration, Outcome>(
  configurations: readonly Configuration[],
  { resources, reduction, evaluate, qualityOf }: SuccessiveHalvingOptions<Configuration, Outcome>,
): Promise<Ranked<Configuration, Outcome>[]> {
  if (configurations.length === 0) throw new RangeError('there are no configurations to choose from');
  const of = rungSizes(configurations.length, resources.length, reduction).reduce((sum, size) => sum + size, 0);
  const order = (ranked: Ranked<Configuration, Outcome>): number => {
    const value = qualityOf(ranked.outcome);
    return Number.isNaN(value) ? Number.NEGATIVE_INFINITY : value;
  };
  let competing = configurations.map((configuration, index) => ({ configuration, index }));
  let result: Ranked<Configuration, Outcome>[] = [];
  let done = 0;
  for (const [rung, resource] of resources.entries()) {
    const ranked: Ranked<Configuration, Outcome>[] = [];
    for (const { configuration, index } of competing) {
      const outcome = await evaluate(configuration, resource, { done: done++, of });
      ranked.push({ configuration, index, rungs: rung + 1, resource, outcome });
    }
    // −∞ − −∞ is no number, so the order is asked and not subtracted.
    ranked.sort((a, b) => compare(order(b), order(a)) || a.index - b.index);
    result = [...ranked, ...result.filter(({ index }) => !competing.some((other) => other.index === index))];
    competing = ranked.slice(0, nextSize(ranked.length, reduction));
  }
  return result;
}

/**
 * Resources of the rungs as shares of the whole, each `reduction` times the one before it, the last one 1: as many as leave
 * at least one configuration and don't begin below `fewest`.
 */
export function rungShares(configurations: number, reduction: number, fewest: number): number[] {
  const shares = [1];
  for (let left = configurations; left >= reduction; left = nextSize(left, reduction)) {
    const smaller = 1 / reduction ** shares.length;
    if (smaller < fewest) break;
    shares.unshift(smaller);
  }
  return shares;
}

function rungSizes(configurations: number, rungs: number, reduction: number): number[] {
  const sizes = [configurations];
  while (sizes.length < rungs) sizes.push(nextSize(sizes.at(-1)!, reduction));
  return sizes;
}

const nextSize = (size: number, reduction: number): number => Math.max(1, Math.floor(size / reduction));
const compare = (left: number, right: number): number => (left < right ? -1 : left > right ? 1 : 0);
