import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { quickselect } from './quickselect.ts';

describe('quickselect', () => {
  it('finds what sorting finds, at every rank, with and without ties', () => {
    const random = new Random(1);
    for (let round = 0; round < 300; round++) {
      const levels = random.pick([1, 2, 5, 1000]);
      const values = Float32Array.from({ length: 1 + random.int(40) }, () => random.int(levels) - levels / 2);
      const sorted = values.toSorted();
      for (let rank = 0; rank < values.length; rank++) expect(quickselect(values.slice(), rank)).toBe(sorted[rank]);
    }
  });

  it('takes infinities in', () => {
    const { POSITIVE_INFINITY: infinity } = Number;
    expect(quickselect(Float32Array.of(infinity, 1, -infinity), 1)).toBe(1);
    expect(quickselect(Float32Array.of(infinity, 1, -infinity), 2)).toBe(infinity);
  });
});
