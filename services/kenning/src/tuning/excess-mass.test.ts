import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { excessMassArea, levelSets, massVolumeArea } from './excess-mass.ts';

const golden: {
  cases: { name: string; data: number[]; uniform: number[]; excessMassArea: number; massVolumeArea: number }[];
} = JSON.parse(readFileSync(new URL('../../test/goldens/excess-mass.golden.json', import.meta.url), 'utf8'));

describe('excess mass and mass-volume', () => {
  it('of uniform data, scored alike everywhere, have the closed form of the diagonal', () => {
    // EM(t) = 1 − t down to 0.9, so ½(1 + 0.9)·0.1; MV(α) = 1 since no smaller level set exists.
    const sets = levelSets(new Float64Array(1000), new Float64Array(1000));
    expect(excessMassArea(sets)).toBeCloseTo(0.095, 12);
    expect(massVolumeArea(sets)).toBeCloseTo(0.1, 12);
  });

  it('of uniform data, scored by a strictly monotone function, follow MV(α) = α', () => {
    const count = 10_000;
    const points = Float64Array.from({ length: count }, (_, index) => (index + 0.5) / count);
    const sets = levelSets(points, points);
    // ∫ α dα from 0.9 to 1.
    expect(massVolumeArea(sets)).toBeCloseTo(0.095, 4);
    expect(excessMassArea(sets)).toBeCloseTo(0.095, 4);
  });

  it('of an exponential density on [0, L] have their closed forms', () => {
    const limit = 5;
    const count = 100_000;
    const whole = 1 - Math.exp(-limit);
    const grid = Float64Array.from({ length: count }, (_, index) => (index + 0.5) / count);
    const sets = levelSets(
      grid.map((mass) => -Math.log(1 - whole * mass)),
      grid.map((volume) => limit * volume),
    );
    // The level set [0, x] has mass (1 − e^−x)/Z and volume x/L, and is the best one at t = L·e^−x/Z.
    const integral = (mass: number): number => {
      const rest = 1 - whole * mass;
      return (rest * Math.log(rest) - rest) / whole;
    };
    expect(massVolumeArea(sets)).toBeCloseTo((integral(1) - integral(0.9)) / limit, 5);

    let [low, high] = [0, limit];
    const excess = (x: number): number => (1 - Math.exp(-x) * (1 + x)) / whole;
    for (let step = 0; step < 60; step++) {
      const middle = (low + high) / 2;
      if (excess(middle) > 0.9) high = middle;
      else low = middle;
    }
    // By parts: ∫ EM dt = 0.9·t* + ∫ t·volume dt.
    const moment = (x: number): number => (limit / whole ** 2) * (x / 2 + 1 / 4) * Math.exp(-2 * x);
    const whenWhole = (limit * Math.exp(-limit)) / whole;
    const last = (limit * Math.exp(-low)) / whole;
    expect(excessMassArea(sets)).toBeCloseTo(0.9 * last + moment(low) - moment(limit) + whenWhole ** 2 / 2, 4);
  });

  it.each(golden.cases)('agree with a brute-force evaluation on grids: $name', (expected) => {
    const sets = levelSets(expected.data, expected.uniform);
    expect(massVolumeArea(sets)).toBeCloseTo(expected.massVolumeArea, 4);
    expect(excessMassArea(sets) / expected.excessMassArea).toBeCloseTo(1, 3);
  });

  it('prefer the scores that hold the data more tightly', () => {
    const data = Float64Array.from({ length: 500 }, (_, index) => Math.abs(index / 250 - 1) ** 30);
    const uniform = Float64Array.from({ length: 2000 }, (_, index) => Math.abs(index / 1000 - 1));
    const tight = levelSets(data, uniform);
    const inverted = levelSets(
      data.map((score) => -score),
      uniform.map((score) => -score),
    );
    expect(excessMassArea(tight)).toBeGreaterThan(excessMassArea(inverted));
    expect(massVolumeArea(tight)).toBeLessThan(massVolumeArea(inverted));
  });

  it('stay finite where no uniform point is in a level set of 90%', () => {
    const sets = levelSets(
      [1, 2, 3],
      Float64Array.from({ length: 50 }, () => 10),
    );
    expect(excessMassArea(sets)).toBe(50);
    expect(massVolumeArea(sets)).toBe(0);
  });

  it('need scores', () => {
    expect(() => levelSets([], [1])).toThrow(RangeError);
  });
});
