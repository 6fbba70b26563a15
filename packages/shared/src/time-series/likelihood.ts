/** Newest novelties whose mean is compared with the long run. */
export const RECENT = 5;
/** No single quiet stream outweighs a loud one. */
const LOWEST = -1;
const HIGHEST = 100;

/**
 * How far the mean of the newest novelties lies above the long run, in standard deviations of single ones: the anomaly
 * likelihood of Lavin & Ahmad (2015) without the tail probability. The long run is the mean and variance of all earlier
 * novelties, and once there are `memory` of them an exponentially weighted one of that length, so that state is a few numbers.
 */
export class Likelihood {
  readonly #memory: number;
  readonly #leastDeviation: number;
  /** The newest novelties, a ring; they enter the long run when they leave it. */
  readonly recent: Float64Array;
  /** Novelties seen. */
  count = 0;
  mean = 0;
  variance = 0;

  /** `leastNovelty`: one of this size, by itself, is a likelihood of at most 1, however quiet the series was before. */
  constructor(memory: number, leastNovelty: number) {
    this.#memory = memory;
    this.#leastDeviation = leastNovelty / RECENT;
    this.recent = new Float64Array(RECENT);
  }

  /** In [−1, 100]. NaN for the first novelties, until there is a long run to compare with, and for one that is not known. */
  update(novelty: number): number {
    if (Number.isNaN(novelty)) return Number.NaN;
    const place = this.count % RECENT;
    const inLongRun = this.count + 1 - RECENT;
    if (inLongRun > 0) this.#learn(this.recent[place]!, inLongRun);
    this.recent[place] = novelty;
    this.count++;
    if (inLongRun < RECENT) return Number.NaN;
    let sum = 0;
    for (const value of this.recent) sum += value;
    const excess = sum / RECENT - this.mean;
    if (excess === 0) return 0;
    const deviation = Math.max(Math.sqrt(this.variance), this.#leastDeviation);
    return Math.min(Math.max(excess / deviation, LOWEST), HIGHEST);
  }

  /** West's update of a weighted mean and variance; with weight 1/n it is the plain one. */
  #learn(novelty: number, count: number): void {
    const weight = Math.max(1 / count, 1 / this.#memory);
    const difference = novelty - this.mean;
    this.mean += weight * difference;
    this.variance = (1 - weight) * (this.variance + weight * difference * difference);
  }
}
