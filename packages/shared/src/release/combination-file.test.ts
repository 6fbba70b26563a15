import { describe, expect, it } from 'vitest';
import { UndecodableError } from '../contracts/undecodable-error.ts';
import { decodeCombination, encodeCombination } from './combination-file.ts';

const data = {
  models: ['isolation-forest', 'lstm'] as const,
  tailScales: Float32Array.of(0.5, 2),
  scores: Float32Array.of(1, 2, 3, Number.NaN, 5, 6),
};

describe('combination file', () => {
  it('comes back as it was, also from bytes that lie unaligned', () => {
    const bytes = encodeCombination(data);
    expect(bytes.byteLength).toBe(16 + 8 + 24);
    const unaligned = new Uint8Array(bytes.byteLength + 1).subarray(1);
    unaligned.set(bytes);
    expect(decodeCombination(unaligned, data.models, 3)).toEqual(data);
  });

  it('is laid out as documented', () => {
    const bytes = Buffer.from(encodeCombination(data));
    expect(bytes.subarray(0, 4).toString()).toBe('LCMB');
    expect([4, 8, 12].map((offset) => bytes.readUInt32LE(offset))).toEqual([1, 2, 3]);
    expect([16, 20, 24, 28].map((offset) => bytes.readFloatLE(offset))).toEqual([0.5, 2, 1, 2]);
  });

  it('is refused where it is not what the manifest says', () => {
    const bytes = encodeCombination(data);
    expect(() => decodeCombination(bytes, data.models, 4)).toThrow(UndecodableError);
    expect(() => decodeCombination(bytes, ['lstm'], 3)).toThrow(UndecodableError);
    for (const index of [0, 4, 8, 12]) {
      const changed = Uint8Array.from(bytes);
      changed[index]! ^= 2;
      expect(() => decodeCombination(changed, data.models, 3)).toThrow(UndecodableError);
    }
  });
});
