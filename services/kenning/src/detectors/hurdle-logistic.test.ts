import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import {
  conformity,
  type HurdleLogistic,
  intervalLevel,
  loadQuantile,
  surprise,
  surpriseMagnitude,
} from './hurdle-logistic.ts';

/** Numbers of SciPy 1.10.1: scipy.stats.logistic for the loads, scipy.special.expit for the coin. */
const CASES: {
  distribution: HurdleLogistic;
  loads: [load: number, surprise: number, conformity: number][];
  quantiles: [number, number, number];
}[] = [
  {
    distribution: { location: 2.3, scale: 0.4, logOdds: 3 },
    loads: [
      [0, 3.048587351573742, 0.10089617753186325],
      [1, 3.1851173985914976, 0.12854638365817994],
      [9, 0.5186014225290996, 0.9494960216590571],
      [40, 2.723770895802968, 0.0540339680375983],
    ],
    quantiles: [0, 8.584405849018133, 30.73090498298579],
  },
  {
    distribution: { location: 1, scale: 0.7, logOdds: -0.5 },
    loads: [
      [0, 0.47407698418010663, 1],
      [1, 2.051356744785876, 0.45899013084577045],
      [9, 2.767377863312759, 0.10163821946647422],
      [40, 4.534955133636505, 0.015329562700343136],
    ],
    quantiles: [0, 0, 9.132139041298396],
  },
  {
    distribution: { location: 2, scale: 0.1, logOdds: 0.2 },
    loads: [
      [0, 0.7981388693815916, 0.900332007641629],
      [1, 11.364086192026257, 0.9003343263528483],
      [9, 1.4161573596072268, 0.050883379284446084],
      [40, 15.431274515721093, 3.9747758417973955e-8],
    ],
    quantiles: [0, 4.867384318811477, 8.301961605584918],
  },
];

describe.each(CASES)('a hurdle and a logistic distribution: $distribution', ({ distribution, loads, quantiles }) => {
  it.each(loads)('are as surprised by %d requests as SciPy, and find them as fitting', (load, surprised, fitting) => {
    expect(surprise(distribution, load)).toBeCloseTo(surprised, 10);
    expect(conformity(distribution, load) / fitting).toBeCloseTo(1, 7);
  });

  it.each(loads)('tell what rounding them does to the surprise by %d requests', (load) => {
    const step = 1e-6;
    const moved = (['location', 'scale', 'logOdds'] as const).map((parameter) => {
      const by = (factor: number) => surprise({ ...distribution, [parameter]: distribution[parameter] * factor }, load);
      return Math.abs(by(1 + step) - by(1 - step)) / (2 * step);
    });
    const sum = moved.reduce((total, change) => total + change, 0);
    expect(surpriseMagnitude(distribution, load) / sum).toBeCloseTo(1, 6);
  });

  it('have its quantiles', () => {
    const found = [0.05, 0.5, 0.95].map((share) => loadQuantile(distribution, share));
    for (const [index, quantile] of quantiles.entries()) expect(found[index]).toBeCloseTo(quantile, 9);
  });

  it.each([0.02, 0.1, 0.4])(
    'hold a load between the quantiles β/2 and 1 − β/2 exactly where it conforms: β = %d',
    (level) => {
      const [lower, upper] = [loadQuantile(distribution, level / 2), loadQuantile(distribution, 1 - level / 2)];
      for (let load = 0; load < 200; load++) {
        expect(lower <= load && load <= upper, `${load} requests`).toBe(conformity(distribution, load) >= level);
      }
    },
  );
});

describe('the level of the interval', () => {
  it('lets as many fresh loads out as it is told, whatever the model believes', () => {
    const random = new Random(5);
    // The truth has twice the scale, and zeros that the model does not expect.
    const believed: HurdleLogistic = { location: 2, scale: 0.3, logOdds: 3 };
    const draw = (): number => (random.next() < 0.2 ? 0 : Math.round(Math.expm1(Math.max(2 + random.normal(), 0))));
    const conformities = (count: number) => Float64Array.from({ length: count }, () => conformity(believed, draw()));
    const level = intervalLevel(conformities(5_000), 0.1);
    const outside = conformities(20_000).filter((value) => value < level).length / 20_000;
    expect(outside).toBeGreaterThan(0.085);
    expect(outside).toBeLessThanOrEqual(0.1);
    expect(level).toBeLessThan(0.1);
  });

  it('is a rank, and the whole line where there are too few loads', () => {
    expect(intervalLevel(Float64Array.of(0.5, 0.3, 0.9, 0.1, 0.2, 0.4, 0.6, 0.7, 0.8), 0.1)).toBe(0.1);
    expect(intervalLevel(Float64Array.of(0.5, 0.3, 0.9, 0.1, 0.2, 0.4, 0.6, 0.7), 0.1)).toBe(0);
    expect(loadQuantile({ location: 2, scale: 0.3, logOdds: 3 }, 1)).toBe(Number.POSITIVE_INFINITY);
  });
});
