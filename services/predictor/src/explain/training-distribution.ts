import type { ReferenceProfile } from '@liminal/shared/contracts/release';
import type { Random } from '@liminal/shared/runtime/random';

/** How a feature was distributed in training. */
interface Distribution {
  /** Ascending, one for each probability; null when the feature was never observed. */
  quantiles: readonly number[] | null;
  missingRate: number;
}

/** Each feature as it was in training, by itself: the quantiles of a release's reference profile, linear between them. */
export class TrainingDistribution {
  readonly #probabilities: readonly number[];
  readonly #features: readonly Distribution[];

  constructor({ probabilities, features }: Pick<ReferenceProfile, 'probabilities' | 'features'>) {
    this.#probabilities = probabilities;
    this.#features = features;
  }

  get columns(): number {
    return this.#features.length;
  }

  missingRate(feature: number): number {
    return this.#features[feature]!.missingRate;
  }

  /** Value at a probability, beyond the outermost quantiles these; NaN when the feature was never observed. */
  quantile(feature: number, probability: number): number {
    const { quantiles } = this.#features[feature]!;
    return quantiles === null ? Number.NaN : interpolate(this.#probabilities, quantiles, probability);
  }

  /** The outermost quantiles: what lies between counts as observed in training. NaN when it never was. */
  range(feature: number): { lowest: number; highest: number } {
    return { lowest: this.quantile(feature, 0), highest: this.quantile(feature, 1) };
  }

  /** The quantiles in the profile, ascending, each once. */
  levels(feature: number): number[] {
    return [...new Set(this.#features[feature]!.quantiles)];
  }

  /** Unit to measure changes of a feature in: its range; 1 where it did not vary. */
  scale(feature: number): number {
    const { lowest, highest } = this.range(feature);
    return highest > lowest ? highest - lowest : 1;
  }

  /** A value as a training row might have had, NaN = not observed included. */
  draw(feature: number, random: Random): number {
    if (random.next() < this.missingRate(feature)) return Number.NaN;
    return this.quantile(feature, random.next());
  }
}

/** `at` ascending; constant beyond both ends. */
function interpolate(at: readonly number[], values: readonly number[], position: number): number {
  const above = at.findIndex((probability) => probability >= position);
  if (above < 0) return values.at(-1)!;
  if (above === 0) return values[0]!;
  const share = (position - at[above - 1]!) / (at[above]! - at[above - 1]!);
  return values[above - 1]! + share * (values[above]! - values[above - 1]!);
}
