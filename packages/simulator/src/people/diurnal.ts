const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Activity that remains in the dead of night, as a share of the peak. */
const NIGHT_SHARE = 0.08;
/** Mean over a day of ((1 + cos θ) / 2)³. */
const MEAN_OF_CUBE = 5 / 16;
const MEAN = NIGHT_SHARE + (1 - NIGHT_SHARE) * MEAN_OF_CUBE;

/** Largest value of `diurnalWeight`. */
export const MAX_DIURNAL_WEIGHT = 1 / MEAN;

/** Hour of the local day in [0, 24) of a person whose clock runs `zoneHours` ahead of UTC. */
export function localHour(ts: number, zoneHours: number): number {
  const local = (ts + zoneHours * HOUR_MS) % DAY_MS;
  return (local < 0 ? local + DAY_MS : local) / HOUR_MS;
}

/** Saturday and Sunday of that local calendar. */
export function isWeekend(ts: number, zoneHours: number): boolean {
  // Day 0 of the epoch was a Thursday.
  const weekday = (Math.floor((ts + zoneHours * HOUR_MS) / DAY_MS) + 4) % 7;
  return weekday === 0 || weekday === 6;
}

/** Rate of activity at a local hour relative to its mean over the day (mean 1), highest at `peakHour`. */
export function diurnalWeight(hour: number, peakHour: number): number {
  const raised = (1 + Math.cos(((hour - peakHour) / 24) * 2 * Math.PI)) / 2;
  return (NIGHT_SHARE + (1 - NIGHT_SHARE) * raised ** 3) / MEAN;
}
