import { hash32 } from '@liminal/shared/contracts/hash32';

/** A user's vectors are at least this far apart in event time. */
export const VECTOR_SPACING_MS = 10_000;

/**
 * Which vectors drift is measured on. Vectors of one user resemble each other and come every 10 s, so that any test on
 * all of them would take each busy user for a change. Here the round is cut into slots as long as the distance of a
 * user's vectors, each user has one slot of the round, drawn by hash, and only the vector that falls into it counts:
 *
 * - every vector has the same chance, so that the sample is distributed as training and calibration rows are;
 * - a user counts at most once in any span as long as the round: where users are independent, so are the vectors;
 * - it depends on nothing but user, time and release, so that reading again after a crash changes nothing.
 *
 * A round brings about as many vectors as users are active at a time.
 */
export function isLookedAt(user: string, ts: number, release: string, roundMs: number): boolean {
  const slots = Math.floor(roundMs / VECTOR_SPACING_MS);
  return Math.floor(ts / VECTOR_SPACING_MS) % slots === hash32(`${release} ${user}`) % slots;
}

/** The random number in (0, 1) that breaks ties of a vector: the same whenever it is read. */
export function tieBreak(user: string, ts: number, release: string): number {
  return (hash32(`tie ${release} ${user} ${ts}`) + 0.5) / 0x1_0000_0000;
}
