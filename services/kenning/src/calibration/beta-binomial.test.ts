import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { alarmCountBand, betaBinomialCumulative } from './beta-binomial.ts';
import { alarmingRanks } from './conformal.ts';

const golden = JSON.parse(
  readFileSync(new URL('../../test/goldens/beta-binomial.golden.json', import.meta.url), 'utf8'),
) as {
  cases: {
    testedRows: number;
    calibrationRows: number;
    alarmRate: number;
    low: number;
    high: number;
    cumulative: [count: number, probability: number][];
  }[];
};

describe('Beta-Binomial band of the alarm count', () => {
  it.each(golden.cases)(
    'is SciPy’s: $testedRows rows, $calibrationRows calibration rows, α = $alarmRate',
    (example) => {
      const { testedRows, calibrationRows, alarmRate, low, high, cumulative } = example;
      expect(alarmCountBand({ testedRows, calibrationRows, alarmRate })).toEqual({ low, high });
      const ranks = alarmingRanks(alarmRate, calibrationRows);
      const ours = betaBinomialCumulative(testedRows, ranks, calibrationRows + 1 - ranks);
      for (const [count, probability] of cumulative) expect(ours[count]).toBeCloseTo(probability, 9);
    },
  );

  it('allows no alarm below the smallest p-value, and nothing but alarms at rate 1', () => {
    expect(alarmCountBand({ testedRows: 50, calibrationRows: 98, alarmRate: 0.01 })).toEqual({ low: 0, high: 0 });
    expect(alarmCountBand({ testedRows: 50, calibrationRows: 98, alarmRate: 1 })).toEqual({ low: 50, high: 50 });
  });

  it('is narrower for less coverage', () => {
    const question = { testedRows: 1000, calibrationRows: 999, alarmRate: 0.05 };
    const narrow = alarmCountBand({ ...question, coverage: 0.5 });
    const wide = alarmCountBand(question);
    expect(narrow.low).toBeGreaterThan(wide.low);
    expect(narrow.high).toBeLessThan(wide.high);
  });
});
