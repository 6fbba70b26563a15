/**
 * Addresses come from ranges that are reserved for benchmarks, carriers and documentation, so that no address in
 * simulated traffic belongs to anyone.
 */

/** RFC 2544, 198.18.0.0/15: 131,072 homes. */
export function homeAddress(index: number): string {
  return `198.${18 + ((index >>> 16) & 1)}.${(index >>> 8) & 255}.${index & 255}`;
}

/** RFC 6598, 100.64.0.0/10: what a phone gets from its carrier. */
export function carrierAddress(index: number): string {
  return `100.${64 + ((index >>> 16) & 63)}.${(index >>> 8) & 255}.${index & 255}`;
}

/** RFC 5737, 203.0.113.0/24: the address behind which a whole office sits. */
export function officeAddress(index: number): string {
  return `203.0.113.${index & 255}`;
}

/** RFC 3849, 2001:db8::/32, one /64 per number: hosts that only attacks use. */
export function attackAddress(index: number): string {
  return `2001:db8:${(index >>> 16).toString(16)}:${(index & 0xffff).toString(16)}::1`;
}
