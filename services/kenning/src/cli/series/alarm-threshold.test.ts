import { Random } from '@liminal/shared/runtime/random';
import { expect, it } from 'vitest';
import { thresholdFor } from './alarm-threshold.ts';

const points = (...scores: number[]) => scores.map((score, minute) => ({ minute, score }));

it('is the smallest score that gives no more alarms than wanted', () => {
  const series = points(1, 5, 1, 4, 1, 3, 1, 2);
  expect(thresholdFor(series, 1, 0)).toBe(5);
  expect(thresholdFor(series, 3, 0)).toBe(3);
  expect(thresholdFor(series, 100, 0)).toBe(1);
});

it('counts an alarm with the silence after it once', () => {
  expect(thresholdFor(points(1, 5, 4, 1, 1, 3), 1, 3)).toBe(4);
  expect(thresholdFor(points(1, 5, 4, 1, 1, 3), 2, 3)).toBe(1);
});

it('lies above all scores where no alarm is wanted', () => {
  expect(thresholdFor(points(1, 5, 2), 0, 0)).toBeGreaterThan(5);
  expect(thresholdFor(points(1, 5, 0.5), 0, 0)).toBeGreaterThan(5);
});

it('is a standard deviation at least, on however calm a series', () => {
  expect(thresholdFor(points(0.1, -1, Number.NaN, 0.2), 0, 0)).toBe(1);
  expect(thresholdFor(points(), 0, 0)).toBe(1);
});

it('can do nothing about standstills, which alarm at any threshold', () => {
  expect(thresholdFor(points(1, Number.POSITIVE_INFINITY, 3, 2), 2, 0)).toBe(3);
  expect(thresholdFor(points(1, Number.POSITIVE_INFINITY, 3, 2), 0, 0)).toBeGreaterThan(3);
});

it('is within a hundredth of the best one on a long series', () => {
  const random = new Random(3);
  const series = points(...Array.from({ length: 5_000 }, () => random.exponential(1)));
  const sorted = series.map(({ score }) => score).sort((left, right) => right - left);
  const threshold = thresholdFor(series, 50, 0);
  expect(threshold).toBeGreaterThanOrEqual(sorted[49]!);
  expect(threshold).toBeLessThan(1.05 * sorted[49]!);
});
