import { expect, it } from 'vitest';
import { Random } from '../runtime/random.ts';
import { DURATION_BUCKETS, DURATION_ERROR, durationBucket, durationQuantile } from './duration-buckets.ts';

it('gives quantiles within 2% of the sorted durations, from 0.1 ms to 10 minutes', () => {
  const random = new Random(7);
  for (let round = 0; round < 50; round++) {
    const durations = Array.from({ length: 1 + random.int(400) }, () => 0.1 * 6e6 ** random.next());
    const counts = new Uint32Array(DURATION_BUCKETS);
    for (const duration of durations) counts[durationBucket(duration)]! += 1;
    durations.sort((left, right) => left - right);
    for (const q of [0, 0.5, 0.95, 1]) {
      const exact = durations[Math.floor(q * (durations.length - 1))]!;
      expect(Math.abs(durationQuantile(counts, q) / exact - 1)).toBeLessThanOrEqual(DURATION_ERROR + 1e-9);
    }
  }
});

it('takes what is too short for 0 and what is too long for the longest', () => {
  expect([0, 0.1, Number.NaN].map(durationBucket)).toEqual([0, 0, 0]);
  expect([1e9, Number.MAX_VALUE, Number.POSITIVE_INFINITY].map(durationBucket)).toEqual(
    Array(3).fill(DURATION_BUCKETS - 1),
  );
  expect(durationQuantile([3, 0, 0], 0.95)).toBe(0);
  expect(durationQuantile([0, 0, 0], 0.95)).toBeNaN();
});
