import { expect, it } from 'vitest';
import { Random } from '../runtime/random.ts';
import { expectedBand } from './expected-band.ts';
import { SeriesHistory } from './series-history.ts';

/** Counts of a day and night with the noise of counts. */
function diurnal(minute: number, random: Random): number {
  const level = 200 * (1.2 + Math.cos((2 * Math.PI * minute) / 1_440));
  return Math.round(level + Math.sqrt(level) * random.normal());
}

it('holds nine values in ten of a series that goes on as it was', () => {
  const random = new Random(1);
  const history = new SeriesHistory(4_000);
  let inside = 0;
  const judged = 4_000;
  for (let minute = 0; minute < 4_000 + judged; minute++) {
    const value = diurnal(minute, random);
    if (minute >= 4_000) {
      const { expected, expectedLow, expectedHigh } = expectedBand(history);
      if (value >= expectedLow && value <= expectedHigh) inside++;
      expect(expected).toBeGreaterThanOrEqual(expectedLow);
      expect(expected).toBeLessThanOrEqual(expectedHigh);
    }
    history.push(value);
  }
  // Two neighbouring minutes are nearly independent: the standard deviation of the share is 0.005.
  expect(inside / judged).toBeGreaterThan(0.88);
  expect(inside / judged).toBeLessThan(0.92);
});

it('follows the time of day: what comes next is what came next after like moments', () => {
  const random = new Random(2);
  const history = new SeriesHistory(4_000);
  for (let minute = 0; minute < 3 * 1_440; minute++) history.push(diurnal(minute, random));
  // Midnight is the peak here.
  expect(expectedBand(history).expected).toBeGreaterThan(400);
  for (let minute = 0; minute < 720; minute++) history.push(diurnal(minute, random));
  expect(expectedBand(history).expected).toBeLessThan(60);
});

it('is unknown while the past is short', () => {
  const history = new SeriesHistory(4_000);
  for (let minute = 0; minute < 64; minute++) {
    history.push(minute);
    expect(expectedBand(history).expected).toBeNaN();
  }
  history.push(64);
  expect(expectedBand(history).expected).not.toBeNaN();
});
