import { describe, expect, it } from 'vitest';
import { crc16, partitionOf } from './partition.ts';

describe('crc16', () => {
  it('is CRC-16/XMODEM, as Redis Cluster uses it', () => {
    expect(crc16('123456789')).toBe(0x31c3);
    expect(crc16('')).toBe(0);
  });

  it('goes over the UTF-8 bytes', () => {
    // CLUSTER KEYSLOT gives the checksum modulo 16384.
    expect(crc16('é')).toBe(crc16OfLatin1Bytes([0xc3, 0xa9]));
  });
});

describe('partitionOf', () => {
  it('spreads users evenly', () => {
    const counts = new Array<number>(8).fill(0);
    for (let user = 0; user < 8_000; user++) counts[partitionOf(`user-${user}`, 8)]! += 1;
    expect(Math.min(...counts)).toBeGreaterThan(800);
    expect(Math.max(...counts)).toBeLessThan(1_200);
  });
});

/** The definition, bit by bit. */
function crc16OfLatin1Bytes(bytes: number[]): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff) >>> 0;
  }
  return crc;
}
