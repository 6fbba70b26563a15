import { SEVERITIES } from './prediction.ts';
import { POINT_STATUSES, type ScoredPoint } from './series.ts';

/** Minutes of a series that are kept with their scores: a day. */
export const POINTS_KEPT = 1_440;
/**
 * Of a point in the ring, little-endian: u32 minute, f32 value, expected, its low and high, score, then u8 status, severity,
 * alarm, and one unused.
 */
const POINT_BYTES = 28;

/** Where a minute's point lies in the ring: the point of a day before gives way to it. */
export const pointOffset = (minute: number): number => (minute % POINTS_KEPT) * POINT_BYTES;

export function encodePoint(point: ScoredPoint): Buffer {
  const bytes = Buffer.alloc(POINT_BYTES);
  let offset = bytes.writeUInt32LE(point.minute, 0);
  for (const number of [point.value, point.expected, point.expectedLow, point.expectedHigh, point.score]) {
    offset = bytes.writeFloatLE(number, offset);
  }
  offset = bytes.writeUInt8(POINT_STATUSES.indexOf(point.status), offset);
  offset = bytes.writeUInt8(SEVERITIES.indexOf(point.severity), offset);
  bytes.writeUInt8(point.alarm ? 1 : 0, offset);
  return bytes;
}

/**
 * The points of a ring from minute `from` through `through`, oldest first; minutes without one are left out.
 *
 * @param ring as it lies in Redis: may end early
 */
export function decodePoints(ring: Buffer, from: number, through: number): ScoredPoint[] {
  const points: ScoredPoint[] = [];
  for (let minute = Math.max(from, through - POINTS_KEPT + 1, 0); minute <= through; minute++) {
    const offset = pointOffset(minute);
    // A place that was never written is all zero; one of another day has another minute.
    if (offset + POINT_BYTES > ring.length || ring.readUInt32LE(offset) !== minute) continue;
    const numberAt = (index: number): number => ring.readFloatLE(offset + 4 + 4 * index);
    points.push({
      minute,
      value: numberAt(0),
      expected: numberAt(1),
      expectedLow: numberAt(2),
      expectedHigh: numberAt(3),
      score: numberAt(4),
      status: POINT_STATUSES[ring.readUInt8(offset + 24)]!,
      severity: SEVERITIES[ring.readUInt8(offset + 25)]!,
      alarm: ring.readUInt8(offset + 26) === 1,
    });
  }
  return points;
}
