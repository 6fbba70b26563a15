import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { alarmRate } from './alarm-rate.ts';
import { adjustedPValues } from './benjamini-hochberg.ts';
import { bet, newMartingale } from './betting-martingale.ts';
import { PooledColumn } from './column-distances.ts';
import { copulaScale } from './copula-scale.ts';
import { exactKsPValue, kolmogorovTail, ksPValue, ksStatistic } from './kolmogorov-smirnov.ts';
import { unbiasedMmd } from './maximum-mean-discrepancy.ts';
import { missingRatePValue } from './missing-rate.ts';

/** Values of SciPy and scikit-learn: see the generator beside the file. */
const golden = JSON.parse(readFileSync(new URL('../../test/goldens/drift.golden.json', import.meta.url), 'utf8'));

interface TwoSamples {
  left: number[];
  right: number[];
}

const sorted = (values: number[]): Float64Array => Float64Array.from(values).sort();

function pooledColumn({ left, right }: TwoSamples) {
  const values = Float32Array.from([...left, ...right]);
  const marks = new Uint8Array(values.length).fill(1, 0, left.length);
  return new PooledColumn({ values, rows: values.length, columns: 1 }, 0).distances(marks, left.length);
}

it('rows without a value do not count', () => {
  const marks = Uint8Array.of(1, 1, 1, 0, 0, 0, 0);
  const values = Float32Array.of(1, Number.NaN, 2, 3, Number.NaN, 5, 6);
  const holed = new PooledColumn({ values, rows: values.length, columns: 1 }, 0).distances(marks, 3);
  expect(holed).toEqual(pooledColumn({ left: [1, 2], right: [3, 5, 6] }));
  expect(holed.wasserstein).toBeGreaterThan(1);
});

describe('against SciPy and scikit-learn', () => {
  it.each<TwoSamples & { ks: number; exactPValue: number; wasserstein: number }>(golden.twoSamples)(
    'compares samples of $left.length and $right.length values',
    (samples) => {
      const { left, right, ks, exactPValue, wasserstein } = samples;
      const statistic = ksStatistic(sorted(left), sorted(right));
      expect(statistic).toBeCloseTo(ks, 12);
      expect(exactKsPValue(statistic, left.length, right.length)).toBeCloseTo(exactPValue, 10);
      // Values are float32 in a sample.
      expect(pooledColumn(samples).wasserstein).toBeCloseTo(wasserstein, 6);
    },
  );

  it('knows the distribution of Kolmogorov', () => {
    for (const [x, tail] of golden.kolmogorov) expect(kolmogorovTail(x)).toBeCloseTo(tail, 12);
  });

  it('comes near the exact p-value where it takes the asymptotic one', () => {
    expect(ksPValue(0.05, 1_500, 1_500) / exactKsPValue(0.05, 1_500, 1_500)).toBeCloseTo(1, 1);
  });

  it('has the population stability of two binned samples', () => {
    const { value, ...samples } = golden.populationStability;
    expect(pooledColumn(samples).populationStability).toBeCloseTo(value, 10);
  });

  it('compares proportions as Fisher’s exact test', () => {
    for (const [missing, rows, missingNow, rowsNow, pValue] of golden.proportions) {
      const found = missingRatePValue({ missing, rows }, { missing: missingNow, rows: rowsNow });
      expect(found).toBeCloseTo(pValue, 9);
    }
  });

  it('selects by false discovery rate', () => {
    const adjusted = adjustedPValues(golden.falseDiscovery.pValues);
    for (const [rate, selected] of Object.entries(golden.falseDiscovery.selected)) {
      expect(adjusted.map((pValue) => pValue <= Number(rate))).toEqual(selected);
    }
  });

  it('estimates MMD² without bias', () => {
    const { x, y, columns, twoSigmaSquared, value } = golden.mmd;
    const values = Float64Array.from([...x, ...y]);
    expect(unbiasedMmd({ values, length: columns }, x.length / columns, twoSigmaSquared)).toBeCloseTo(value, 12);
  });

  it('ranks with ties in the middle', () => {
    const values = Float32Array.from(golden.ranks.values);
    const scaled = copulaScale({ values, rows: values.length, columns: 1 });
    expect(scaled.length).toBe(1);
    for (const [row, rank] of golden.ranks.ranks.entries()) expect(scaled.values[row]).toBeCloseTo(rank, 12);
  });

  it('bounds a rate as Clopper and Pearson', () => {
    for (const [alarms, vectors, low, high] of golden.binomialBounds) {
      const bounds = alarmRate(alarms, vectors);
      expect(bounds.low).toBeCloseTo(low, 9);
      expect(bounds.high).toBeCloseTo(high, 9);
    }
  });

  it('is the mixture of bets over all moments at which they may begin', () => {
    const state = newMartingale();
    for (const [index, pValue] of golden.martingale.pValues.entries()) {
      bet(state, pValue, index, golden.martingale.alertRate);
      expect(state.logValue).toBeCloseTo(golden.martingale.logValues[index], 9);
    }
  });
});
