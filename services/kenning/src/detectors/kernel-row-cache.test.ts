import { describe, expect, it } from 'vitest';
import { KernelRowCache } from './kernel-row-cache.ts';

describe('kernel row cache', () => {
  const filled = (cache: KernelRowCache, key: number) => {
    const row = cache.add(key);
    for (let index = 0; index < row.length; index++) row[index] = 10 * key + index;
  };

  it('lets the least recently used row go, within its bytes', () => {
    const cache = new KernelRowCache(4, 3 * 16 + 15);
    for (const key of [1, 2, 3]) filled(cache, key);
    expect(cache.sizeBytes).toBe(48);
    expect(cache.get(1)).toEqual(Float32Array.of(10, 11, 12, 13));
    filled(cache, 4);
    expect(cache.sizeBytes).toBe(48);
    expect(cache.get(2)).toBeUndefined();
    for (const key of [1, 3, 4]) expect(cache.get(key)?.[1]).toBe(10 * key + 1);
  });

  it('holds two rows however few the bytes', () => {
    const cache = new KernelRowCache(1000, 0);
    for (const key of [1, 2, 3]) filled(cache, key);
    expect([1, 2, 3].map((key) => cache.get(key) !== undefined)).toEqual([false, true, true]);
  });

  it('keeps the values of the columns and rows that stay', () => {
    const cache = new KernelRowCache(5, 1000);
    for (const key of [0, 2, 4]) filled(cache, key);
    cache.keep(Int32Array.of(1, 2, 4));
    expect(cache.get(0)).toBeUndefined();
    expect(cache.get(1)).toEqual(Float32Array.of(21, 22, 24));
    expect(cache.get(2)).toEqual(Float32Array.of(41, 42, 44));
    expect(cache.sizeBytes).toBe(24);
    filled(cache, 0);
    expect(cache.get(0)).toHaveLength(3);
    cache.reset(2);
    expect(cache.sizeBytes).toBe(0);
    expect(cache.add(0)).toHaveLength(2);
  });
});
