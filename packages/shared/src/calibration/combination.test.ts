import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Random } from '../runtime/random.ts';
import { Combination } from './combination.ts';
import { CombinedCalibration } from './combined-calibration.ts';

const MODELS = ['isolation-forest', 'nearest-neighbours', 'lstm'] as const;

/** Rows of users with a load history, who behave otherwise than those without, to whom the last model does not apply. */
function drawRow(random: Random, historyRate: number): number[] {
  const hasHistory = random.next() < historyRate;
  const common = (hasHistory ? 0 : 2) + random.normal();
  return [common, common + random.normal(), hasHistory ? random.normal() : Number.NaN].map(Math.fround);
}

const combinationOf = (rows: readonly number[][]) =>
  new Combination({
    models: MODELS,
    tailScales: Float32Array.of(0.5, 0.5, 0.5),
    scores: Float32Array.from(MODELS.flatMap((_, model) => rows.map((row) => row[model]!))),
  });

const calibrationOf = (rows: readonly number[][], models: readonly number[]) =>
  new CombinedCalibration(
    models.map((model) => ({ scores: Float32Array.from(rows, (row) => row[model]!), tailScale: 0.5 })),
  );

describe('combination of the models that apply', () => {
  it('ranks a row among the rows to which the same models apply', () => {
    const random = new Random(1);
    const rows = Array.from({ length: 900 }, () => drawRow(random, 0.6));
    const combination = combinationOf(rows);
    const without = calibrationOf(
      rows.filter((row) => Number.isNaN(row[2])),
      [0, 1],
    );
    const withHistory = calibrationOf(
      rows.filter((row) => !Number.isNaN(row[2])),
      [0, 1, 2],
    );
    for (let round = 0; round < 300; round++) {
      const tested = drawRow(random, 0.5);
      const expected = Number.isNaN(tested[2]) ? without.combine(tested.slice(0, 2)) : withHistory.combine(tested);
      expect(combination.combine(tested)).toEqual(expected);
    }
  });

  it('takes all rows to which the models apply where too few are alike', () => {
    const random = new Random(2);
    const rows = Array.from({ length: 900 }, () => drawRow(random, 0.95));
    const tested = [1.5, 2, Number.NaN];
    expect(combinationOf(rows).combine(tested)).toEqual(calibrationOf(rows, [0, 1]).combine([1.5, 2]));
  });

  it.each([
    ['with a load history', true],
    ['without one', false],
  ])('alarms as often as told on users %s', (_, hasHistory) => {
    const random = new Random(3);
    const draws = 250;
    const perDraw = 20;
    let alarms = 0;
    for (let draw = 0; draw < draws; draw++) {
      const combination = combinationOf(Array.from({ length: 440 }, () => drawRow(random, 0.5)));
      for (let row = 0; row < perDraw; row++) {
        const { pValue } = combination.combine(drawRow(random, hasHistory ? 1 : 0));
        if (pValue <= 0.1) alarms++;
      }
    }
    // Rows tested against the same calibration rows go together: the error is that of 250 draws of the rate and of 5,000 rows.
    const error = Math.sqrt(0.09 / (draws * perDraw) + 0.09 / 220 / draws);
    expect(Math.abs(alarms / (draws * perDraw) - 0.1)).toBeLessThan(4 * error + 1 / 200);
  });

  it('gives the same when it was prepared, in many turns of the event loop', async () => {
    const random = new Random(5);
    const rows = Array.from({ length: 900 }, () => drawRow(random, 0.6));
    const [prepared, other] = [combinationOf(rows), combinationOf(rows)];
    let turns = 0;
    const isReady = prepared.prepare().then(() => true);
    while (!(await Promise.race([isReady, setImmediate(false)]))) turns++;
    // Two sets of models, of two and of three: a turn for each model, and one more to put them together.
    expect(turns).toBeGreaterThanOrEqual(2 + 1 + 3 + 1);
    for (let round = 0; round < 300; round++) {
      const tested = drawRow(random, 0.5);
      expect(prepared.combine(tested)).toEqual(other.combine(tested));
    }
  });

  it('says nothing of a row to which no model applies', () => {
    const { NaN: missing } = Number;
    const random = new Random(4);
    const combination = combinationOf(Array.from({ length: 300 }, () => drawRow(random, 0.5)));
    expect(combination.combine([missing, missing, missing])).toEqual({ pValue: 1, tailPValue: 1, smallestPValue: 1 });
    expect(combination.combine([missing, missing, 9]).pValue).toBeLessThan(0.01);
  });
});
