import type { AttackedTrafficOptions } from '@liminal/simulator/traffic';

const DAY_MS = 86_400_000;

/** A period, and then without end the days that follow it: the same people, other chance, other attacks. */
export function* periodAndDaysAfter(period: AttackedTrafficOptions): Generator<AttackedTrafficOptions> {
  yield period;
  for (let startMs = period.endMs; ; startMs += DAY_MS) yield { ...period, startMs, endMs: startMs + DAY_MS };
}
