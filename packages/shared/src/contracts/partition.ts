/** CRC-16/XMODEM, the checksum that Redis Cluster uses for hash slots. */
const CRC16_TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc & 0xffff;
});

/** CRC-16/XMODEM of the UTF-8 bytes of `text`; `123456789` gives 0x31C3. */
export function crc16(text: string): number {
  let crc = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code > 127) return crc16OfBytes(Buffer.from(text, 'utf8'));
    crc = ((crc << 8) & 0xffff) ^ CRC16_TABLE[(crc >>> 8) ^ code]!;
  }
  return crc;
}

function crc16OfBytes(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ CRC16_TABLE[(crc >>> 8) ^ byte]!;
  return crc;
}

/** The partition that holds everything about a user: events, state, features, predictions. */
export function partitionOf(user: string, partitions: number): number {
  return crc16(user) % partitions;
}
