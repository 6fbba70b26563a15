import { UsageError } from '@liminal/shared/runtime/usage-error';

const ISO = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:?\d{2})?)?$/i;
const NUMBER = /^\d+(?:\.\d+)?$/;
/** Seconds since the epoch get here in the year 5138, milliseconds were here in 1973. */
const FIRST_MILLISECONDS = 1e11;

/**
 * Milliseconds since the epoch of an ISO 8601 date or time, or of seconds or milliseconds since the epoch. A time without a zone
 * is UTC. NaN where it is none of these.
 */
export function timestampMs(text: string): number {
  const trimmed = text.trim();
  if (NUMBER.test(trimmed)) {
    const number = Number(trimmed);
    return number < FIRST_MILLISECONDS ? 1_000 * number : number;
  }
  const match = ISO.exec(trimmed);
  if (match === null) return Number.NaN;
  const [, date, time = '00:00', zone = 'Z'] = match;
  if (!isOnCalendar(date!)) return Number.NaN;
  return Date.parse(`${date}T${time}${zone.toUpperCase()}`);
}

/** `Date.parse` takes 30 February for 2 March. */
function isOnCalendar(date: string): boolean {
  const midnight = Date.parse(date);
  return !Number.isNaN(midnight) && new Date(midnight).toISOString().startsWith(date);
}

/** The step that is in the middle of all steps forwards. Throws `RangeError` where there is none. */
export function medianStepMs(timesMs: Float64Array): number {
  const steps = timesMs
    .subarray(1)
    .map((time, index) => time - timesMs[index]!)
    .filter((step) => step > 0)
    .sort();
  if (steps.length === 0) throw new RangeError('it takes two rows with different times to know the interval');
  return steps[steps.length >> 1]!;
}

const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `30s`, `5m`, `1h` or `1d` in milliseconds. Throws `UsageError`. */
export function intervalMs(text: string): number {
  const [, number, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const milliseconds = Number(number) * (UNITS_MS[unit!] ?? Number.NaN);
  if (milliseconds > 0) return milliseconds;
  throw new UsageError(
    `--interval ${text} is not a number of seconds, minutes, hours or days, such as 30s, 5m, 1h or 1d.`,
  );
}

/** The other way round, in the largest unit that leaves a whole number; seconds otherwise. */
export function intervalText(milliseconds: number): string {
  const unit = ['d', 'h', 'm'].find((name) => milliseconds > 0 && milliseconds % UNITS_MS[name]! === 0) ?? 's';
  return `${Number((milliseconds / UNITS_MS[unit]!).toFixed(3))}${unit}`;
}

/** A length of time in the largest unit that it reaches, to a tenth. */
export function durationText(milliseconds: number): string {
  const unit = ['d', 'h', 'm'].find((name) => milliseconds >= UNITS_MS[name]!) ?? 's';
  return `${Number((milliseconds / UNITS_MS[unit]!).toFixed(1))}${unit}`;
}
