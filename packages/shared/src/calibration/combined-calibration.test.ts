import { describe, expect, it } from 'vitest';
import { Random } from '../runtime/random.ts';
import { CombinedCalibration } from './combined-calibration.ts';

/** Scores of a row in all models; `shared` says how much of them is common to the models. */
type Draw = (random: Random) => number[];

const TAIL_SCALES = [0.5, 0.25, 2];

const correlatedNormals: Draw = (random) => {
  const common = random.normal();
  return [0.3, 0.6, 0.9].map((share) => Math.fround(share * common + (1 - share) * random.normal()));
};
const heavyTails: Draw = (random) => [1, 2].map((power) => Math.fround(random.normal() / random.next() ** power));
const fewLevels: Draw = (random) => [random.int(3), random.int(50), Math.min(random.int(6), 2)];
const single: Draw = (random) => [Math.fround(random.exponential(1))];

const drawRows = (draw: Draw, count: number, random: Random) => Array.from({ length: count }, () => draw(random));

function calibrationOf(rows: readonly number[][], models: number): CombinedCalibration {
  return new CombinedCalibration(
    Array.from({ length: models }, (_, model) => ({
      scores: Float32Array.from(rows, (row) => row[model]!),
      tailScale: TAIL_SCALES[model]!,
    })),
  );
}

/** The definition, word for word: every row of the pool against the others of it. */
function definition(calibration: readonly number[][], tested: readonly number[]): { pValue: number; tailRank: number } {
  const pool = [...calibration, tested];
  // A rank from 2, or minus the excess of the row that leads a model.
  const statistics = pool.map((row, index) =>
    Math.min(
      ...row.map((score, model) => {
        const others = Float32Array.from(
          pool.filter((_, other) => other !== index).map((other) => other[model]!),
        ).sort();
        const rank = 1 + others.filter((other) => other >= score).length;
        return rank > 1 ? rank : -(score - others.at(-1)!) / TAIL_SCALES[model]!;
      }),
    ),
  );
  const ours = statistics.at(-1)!;
  const atLeastAsExtreme = pool.filter((row, index) => {
    if (statistics[index] !== ours || ours < 2) return statistics[index]! <= ours;
    const differing = row.findIndex((score, model) => score !== tested[model]);
    return differing === -1 || row[differing]! > tested[differing]!;
  });
  return { pValue: atLeastAsExtreme.length / pool.length, tailRank: ours < 2 ? Math.exp(ours) : ours };
}

describe('combined p-value', () => {
  it.each([
    ['correlated normals', correlatedNormals, 3],
    ['heavy tails', heavyTails, 2],
    ['few levels, so ties', fewLevels, 3],
    ['one model', single, 1],
  ] as const)('is what the definition over all pairs of rows gives: %s', (_, draw, models) => {
    const random = new Random(1);
    for (let round = 0; round < 300; round++) {
      const rows = drawRows(draw, 1 + random.int(45), random);
      const calibration = calibrationOf(rows, models);
      const far = random.pick([1, 1, 1, 3, 1000]);
      const tested = draw(random).map((score) => Math.fround(score * far));
      const expected = definition(rows, tested);
      const { pValue, tailPValue } = calibration.combine(tested);
      expect(pValue, `round ${round}`).toBe(expected.pValue);
      expect(Math.abs(tailPValue * (rows.length + 1) - expected.tailRank)).toBeLessThan(1e-9);
      // A row of the calibration itself ties with itself everywhere.
      const again = random.pick(rows);
      expect(calibration.combine(again).pValue).toBe(definition(rows, again).pValue);
    }
  });

  it.each([
    ['correlated normals', correlatedNormals, 3, 19],
    ['heavy tails', heavyTails, 2, 39],
    ['one model', single, 1, 9],
  ] as const)('is uniform on its steps for exchangeable rows: %s', (_, draw, models, rows) => {
    const rates = alarmRates(
      draw,
      rows,
      (calibration, tested) => calibrationOf(calibration, models).combine(tested).pValue,
    );
    for (const { rate, error, expected } of rates) expect(Math.abs(rate - expected)).toBeLessThan(4 * error);
  });

  it('alarms no oftener than told where scores tie', () => {
    const rates = alarmRates(fewLevels, 29, (rows, tested) => calibrationOf(rows, 3).combine(tested).pValue);
    for (const { rate, error, expected } of rates) expect(rate).toBeLessThan(expected + 4 * error);
  });

  it('would alarm far too often if calibration rows were ranked among themselves', () => {
    const rates = alarmRates(correlatedNormals, 19, (rows, tested) => {
      const columns = [0, 1, 2].map((model) => Float32Array.from(rows, (row) => row[model]!).sort());
      const smallest = (row: readonly number[]) =>
        Math.min(
          ...row.map((score, model) => {
            const excess = Math.max(score - columns[model]!.at(-1)!, 0) / TAIL_SCALES[model]!;
            return (1 + columns[model]!.filter((other) => other >= score).length) * Math.exp(-excess);
          }),
        );
      const ours = smallest(tested);
      return (1 + rows.filter((row) => smallest(row) <= ours).length) / (rows.length + 1);
    });
    expect(rates[0]!.expected).toBe(1 / 20);
    expect(rates[0]!.rate).toBeGreaterThan(0.08);
  });

  it('of one model is its split-conformal p-value', () => {
    const random = new Random(3);
    const scores = Float32Array.from({ length: 200 }, () => random.int(100));
    const calibration = new CombinedCalibration([{ scores, tailScale: 1 }]);
    for (let score = -1; score <= 101; score += 0.5) {
      const atLeast = scores.filter((other) => other >= score).length;
      expect(calibration.combine([score]).pValue).toBe((1 + atLeast) / 201);
    }
  });

  it('never rises when a score does', () => {
    const random = new Random(5);
    const calibration = calibrationOf(drawRows(correlatedNormals, 60, random), 3);
    for (let round = 0; round < 500; round++) {
      const tested = correlatedNormals(random).map((score) => score * random.pick([1, 3]));
      const model = random.int(3);
      let last = calibration.combine(tested);
      for (let step = 0; step < 30; step++) {
        tested[model]! += 0.2;
        const next = calibration.combine(tested);
        expect(next.pValue).toBeLessThanOrEqual(last.pValue);
        expect(next.tailPValue).toBeLessThanOrEqual(last.tailPValue);
        last = next;
      }
    }
  });

  it('does not depend on the order of the calibration rows', () => {
    const random = new Random(6);
    const rows = drawRows(fewLevels, 80, random);
    const [one, other] = [calibrationOf(rows, 3), calibrationOf(rows.toReversed(), 3)];
    for (let round = 0; round < 200; round++) {
      const tested = fewLevels(random);
      expect(other.combine(tested)).toEqual(one.combine(tested));
    }
  });

  it('tells rows beyond all calibration rows apart by the tail, down to the smallest numbers', () => {
    const calibration = calibrationOf(drawRows(correlatedNormals, 99, new Random(7)), 3);
    const far = [5, 50, 3.4e38, Number.POSITIVE_INFINITY].map((score) => calibration.combine([score, score, score]));
    expect(far.map(({ pValue }) => pValue)).toEqual([0.01, 0.01, 0.01, 0.01]);
    expect(far[0]!.tailPValue).toBeLessThan(0.01);
    expect(far[1]!.tailPValue).toBeLessThan(far[0]!.tailPValue);
    expect(far[3]!.tailPValue).toBeGreaterThanOrEqual(0);
  });

  it('knows nothing without models or without calibration rows', () => {
    expect(new CombinedCalibration([]).combine([])).toEqual({ pValue: 1, tailPValue: 1, smallestPValue: 1 });
    expect(new CombinedCalibration([{ scores: new Float32Array(0), tailScale: 1 }]).combine([7])).toEqual({
      pValue: 1,
      tailPValue: 1,
      smallestPValue: 1,
    });
  });
});

/** How often p <= k/(n + 1) over fresh draws of calibration and tested rows, for some k, with its standard error. */
function alarmRates(draw: Draw, rows: number, pValueOf: (rows: number[][], tested: number[]) => number) {
  const random = new Random(2);
  const draws = 8_000;
  const pValues = Float64Array.from({ length: draws }, () => pValueOf(drawRows(draw, rows, random), draw(random)));
  return [1, 2, 3, Math.ceil(rows / 4), Math.ceil(rows / 2), rows].map((rank) => {
    const expected = rank / (rows + 1);
    const rate = pValues.filter((pValue) => pValue <= expected).length / draws;
    return { rate, expected, error: Math.sqrt((expected * (1 - expected)) / draws) };
  });
}
