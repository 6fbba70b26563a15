import { describe, expect, it } from 'vitest';
import { byAge, parsePartKey, partKey } from './part-key.ts';

describe('the key of a part', () => {
  it('is fixed by partition and stream id, and tells them', () => {
    const part = partKey(3, '1763900000000-12');
    expect(part.key).toBe('training/rows/p0003/001763900000000-000000000000012.parquet');
    expect(parsePartKey(part.key)).toEqual(part);
    expect(partKey(3, '1763900000000-12')).toEqual(part);
    expect(partKey(3, '0-0').key).not.toBe(partKey(4, '0-0').key);
  });

  it.each(['', '5', '5-', '-5', 'a-b', '1-2-3', '../1-1'])('refuses %j for a stream id', (fromId) => {
    expect(() => partKey(0, fromId)).toThrow(RangeError);
  });

  it.each([-1, 0.5, 10_000])('refuses %j for a partition', (partition) => {
    expect(() => partKey(partition, '1-1')).toThrow(RangeError);
  });

  it('takes nothing else for a part', () => {
    for (const key of ['training/rows/readme.txt', 'training/rows/p0001/1-1.parquet', 'training/summary.json']) {
      expect(parsePartKey(key)).toBeNull();
    }
  });

  it('orders parts by time across partitions', () => {
    const oldestFirst = [partKey(7, '5-0'), partKey(0, '10-2'), partKey(1, '10-2'), partKey(0, '10-11')];
    expect(oldestFirst.toReversed().sort(byAge)).toEqual(oldestFirst);
  });
});
