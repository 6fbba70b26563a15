import { Random } from '@liminal/shared/runtime/random';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadQuantile } from './hurdle-logistic.ts';
import {
  DEFAULT_LOAD_LSTM,
  fitLoadLstm,
  type LoadHistories,
  type LoadLstm,
  type LoadLstmOptions,
  loadDistributions,
  loadSurprises,
} from './load-lstm.ts';
import { createMatrix, type Matrix, takeRows } from './matrix.ts';

const MINUTES = 8;
const QUICK: LoadLstmOptions = { ...DEFAULT_LOAD_LSTM, hidden: 8, steps: 60, batchRows: 32 };

/** Users who are there at work: every minute as many requests as the last time, or none; more by day than by night. */
function histories(rows: number, seed: number): LoadHistories {
  const random = new Random(seed);
  const values = new Float32Array(rows * (MINUTES + 1));
  const nextLoads = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const timeOfDay = random.int(1440);
    const level = (random.next() < 0.5 ? 5 : 50) * (1.2 - Math.cos((2 * Math.PI * timeOfDay) / 1440));
    const draw = (): number => (random.next() < 0.3 ? 0 : Math.max(1, Math.round(level * (1 + 0.1 * random.normal()))));
    for (let minute = 0; minute < MINUTES; minute++) values[row * (MINUTES + 1) + minute] = draw();
    values[row * (MINUTES + 1) + MINUTES] = timeOfDay;
    nextLoads[row] = random.next() < 0.1 ? Number.NaN : draw();
  }
  return { histories: createMatrix(values, MINUTES + 1), nextLoads };
}

const changed = ({ histories: { values } }: LoadHistories, change: (value: number, index: number) => number) =>
  createMatrix(values.map(change), MINUTES + 1);
const surprises = (fitted: LoadLstm, rows: Matrix): Float64Array =>
  loadSurprises(loadDistributions(fitted, rows), rows);
const fit = (rows: LoadHistories, seed = 7, options = QUICK) => fitLoadLstm(rows, options, { seed });

describe('an LSTM of loads', () => {
  const rows = histories(1_500, 1);
  const fresh = histories(400, 2);
  let fitted: LoadLstm;

  beforeAll(async () => {
    fitted = await fit(rows, 7, { ...QUICK, steps: 400 });
  });

  it('learns the level of a user from the minutes before', () => {
    let error = 0;
    let ofMedian = 0;
    const known = [...fresh.nextLoads.keys()].filter((row) => fresh.nextLoads[row]! > 0);
    const median = Float32Array.from(known, (row) => fresh.nextLoads[row]!).sort()[known.length >> 1]!;
    const distributions = loadDistributions(fitted, fresh.histories);
    for (const row of known) {
      error += Math.abs(loadQuantile(distributions[row]!.next, 0.65) - fresh.nextLoads[row]!);
      ofMedian += Math.abs(median - fresh.nextLoads[row]!);
    }
    expect(error).toBeLessThan(0.4 * ofMedian);
    // 30% of the minutes are empty.
    const odds = distributions.map(({ next }) => 1 / (1 + Math.exp(-next.logOdds)));
    expect(odds.reduce((sum, share) => sum + share, 0) / odds.length).toBeCloseTo(0.7, 1);
  });

  it('is surprised by a burst, and by a trickle of someone who makes many requests', () => {
    const newest = (load: number) =>
      changed(fresh, (value, index) => (index % (MINUTES + 1) === MINUTES - 1 ? load : value));
    const usual = surprises(fitted, fresh.histories).sort();
    const bursts = surprises(fitted, newest(5_000));
    expect(Math.min(...bursts)).toBeGreaterThan(usual[380]!);
    const isBusy = (row: number) =>
      Math.max(...fresh.histories.values.subarray(row * (MINUTES + 1), row * (MINUTES + 1) + MINUTES - 1)) > 30;
    const trickles = surprises(fitted, newest(1)).filter((_, row) => isBusy(row));
    expect(trickles.length).toBeGreaterThan(50);
    expect(trickles.sort()[trickles.length >> 1]).toBeGreaterThan(usual[360]!);
  });

  it('looks at nothing but the minutes before for the newest, and at all of them for the next', () => {
    const other = changed(fresh, (value, index) => (index % (MINUTES + 1) === MINUTES - 1 ? value + 9 : value));
    const before = loadDistributions(fitted, fresh.histories);
    const after = loadDistributions(fitted, other);
    expect(after.map(({ newest }) => newest)).toEqual(before.map(({ newest }) => newest));
    expect(after.map(({ next }) => next)).not.toEqual(before.map(({ next }) => next));
  });

  it('gives the same for the same rows and seed, other numbers for another seed, and leaves the rows as they were', async () => {
    const values = rows.histories.values.slice();
    const first = await fit(rows);
    expect(await fit(rows)).toEqual(first);
    expect((await fit(rows, 8)).parameters).not.toEqual(first.parameters);
    expect(rows.histories.values).toEqual(values);
  });

  it('scores each row by itself, also after the fitted values crossed a thread', () => {
    const scores = surprises(fitted, fresh.histories);
    const reversed = takeRows(fresh.histories, Int32Array.from(scores.keys()).reverse());
    expect(surprises(structuredClone(fitted), reversed).toReversed()).toEqual(scores);
  });

  it.each([
    ['one row', histories(1, 3)],
    ['rows that are all zero', { ...rows, histories: changed(rows, () => 0) }],
    ['equal rows', { histories: changed(rows, () => 3), nextLoads: rows.nextLoads.map(() => 3) }],
    ['no known next minute', { ...rows, nextLoads: rows.nextLoads.map(() => Number.NaN) }],
    ['loads at the end of float32', { ...rows, histories: changed(rows, (value) => (value > 0 ? 3.4e38 : 0)) }],
    ['loads that can not be', { ...rows, histories: changed(rows, (value) => -value) }],
    ['unobserved minutes and times', { ...rows, histories: changed(rows, (value, i) => (i % 3 ? value : Number.NaN)) }],
  ])('fits and scores degenerate rows: %s', async (_, degenerate: LoadHistories) => {
    const scores = surprises(await fit(degenerate), degenerate.histories);
    expect(scores.every(Number.isFinite)).toBe(true);
  });

  it('refuses what it can not fit, and rows of another width', async () => {
    const infinite = changed(rows, (value, index) => (index === 5 * 9 + 2 ? Number.POSITIVE_INFINITY : value));
    await expect(fit({ ...rows, histories: infinite })).rejects.toThrow('row 5, column 2 is Infinity');
    const none = { histories: createMatrix(new Float32Array(0), 9), nextLoads: new Float32Array(0) };
    await expect(fit(none)).rejects.toThrow('no rows to fit');
    const short = { histories: createMatrix(new Float32Array(20), 2), nextLoads: new Float32Array(10) };
    await expect(fit(short)).rejects.toThrow('at least 2 minutes, not 1');
    await expect(fit(rows, 1, { ...QUICK, hidden: 0 })).rejects.toThrow('hidden must be a whole number from 1');
    await expect(fit(rows, 1, { ...QUICK, learningRate: 0 })).rejects.toThrow('learningRate must be above 0');
    expect(() => surprises(fitted, createMatrix(new Float32Array(14), 7))).toThrow('8 minutes and the time of day');
  });

  it('tells its progress, from 0 to 1 and never back, and stops at the signal with its reason', async () => {
    const shares: number[] = [];
    await fitLoadLstm(rows, { ...QUICK, steps: 200 }, { seed: 1, onProgress: (share) => shares.push(share) });
    expect([shares[0], shares.at(-1)]).toEqual([0, 1]);
    expect(shares.length).toBeGreaterThan(3);
    expect(shares.toSorted((a, b) => a - b)).toEqual(shares);
    const cancellation = new AbortController();
    const reason = new Error('enough');
    const onProgress = () => cancellation.abort(reason);
    await expect(fitLoadLstm(rows, QUICK, { seed: 1, onProgress, signal: cancellation.signal })).rejects.toBe(reason);
  });
});
