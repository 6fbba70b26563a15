const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

export const FLOAT32_MAX = 3.4028234663852886e38;

/** The largest float32 that is smaller than the finite float32 `value`. */
export function previousFloat32(value: number): number {
  if (value === 0) return -1.401298464324817e-45;
  float[0] = value;
  bits[0] = bits[0]! + (value > 0 ? -1 : 1);
  return float[0]!;
}

/** The largest float32 that is at most `value`. */
export function floorToFloat32(value: number): number {
  const rounded = Math.fround(value);
  return rounded > value ? previousFloat32(rounded) : rounded;
}
