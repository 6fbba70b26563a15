import { describe, expect, it } from 'vitest';
import { combineHashes, hash32 } from './hash32.ts';

describe('hash32', () => {
  it('tells 200,000 similar texts apart but for what chance allows', () => {
    const hashes = new Set<number>();
    for (let index = 0; index < 200_000; index++) hashes.add(hash32(`10.0.${index >> 8}.${index & 255}`));
    // Birthday bound: n²/2³³ ≈ 4.7 collisions expected.
    expect(200_000 - hashes.size).toBeLessThan(20);
  });
});

describe('combineHashes', () => {
  it('minds the order, and tells pairs apart', () => {
    expect(combineHashes(1, 2)).not.toBe(combineHashes(2, 1));
    const pairs = new Set<number>();
    for (let ip = 0; ip < 400; ip++) {
      for (let agent = 0; agent < 400; agent++) pairs.add(combineHashes(hash32(`ip ${ip}`), hash32(`agent ${agent}`)));
    }
    expect(160_000 - pairs.size).toBeLessThan(20);
  });
});
