import { type DateParts, utcTime } from './calendar.ts';
import type { SyslogTime } from './syslog-line.ts';

const DAY_MS = 86_400_000;
/** A step back by more than this is a new year; a smaller one is a line out of order. */
const NEW_YEAR_STEP_BACK_MS = 183 * DAY_MS;
/** A step ahead by more than this is a line of the old year that comes after the first of the new. */
const OLD_YEAR_STEP_AHEAD_MS = 350 * DAY_MS;
/** Any leap year: it has every day of the calendar. */
const LEAP_YEAR = 2000;
const YEARS_TO_TRY = 12;

/** Gives the times of one file their years and their zone, in the order of its lines. */
export class SyslogYears {
  readonly #utcOffsetMs: number;
  #year: number;
  #place: number | undefined;

  /**
   * `firstYear`: the year of the first line whose time has none. `utcOffsetMs`: what the clock that wrote such times is
   * ahead of UTC.
   */
  constructor(firstYear: number, utcOffsetMs = 0) {
    this.#year = firstYear;
    this.#utcOffsetMs = utcOffsetMs;
  }

  /** Milliseconds since the epoch; undefined when the calendar has no such time. */
  timeOf(time: SyslogTime): number | undefined {
    if ('timeMs' in time) return time.timeMs;
    const localMs = utcTime(this.yearOf(time.withoutYear), time.withoutYear);
    return localMs === undefined ? undefined : localMs - this.#utcOffsetMs;
  }

  yearOf(parts: DateParts): number {
    const place = utcTime(LEAP_YEAR, parts);
    if (place === undefined) return this.#year;
    const step = this.#place === undefined ? 0 : place - this.#place;
    if (step > OLD_YEAR_STEP_AHEAD_MS) return this.#year - 1;
    if (step < -NEW_YEAR_STEP_BACK_MS) this.#year++;
    this.#place = place;
    return this.#year;
  }
}

/**
 * Infers in which year a log without years begins: the latest one with which none of its lines lies after `now` and
 * every 29 February in it existed. Feed it all lines, then ask.
 */
export class FirstYearInference {
  readonly #years = new SyslogYears(0);
  readonly #latest = new Map<number, DateParts>();
  readonly #leapYears = new Set<number>();

  add(parts: DateParts): void {
    const place = utcTime(LEAP_YEAR, parts);
    if (place === undefined) return;
    const year = this.#years.yearOf(parts);
    const latest = this.#latest.get(year);
    if (!latest || place > utcTime(LEAP_YEAR, latest)!) this.#latest.set(year, parts);
    if (parts.month === 1 && parts.day === 29) this.#leapYears.add(year);
  }

  /** `now`: wall-clock time in ms, as the clock of the log's machine shows it. */
  firstYear(now: number): number {
    const thisYear = new Date(now).getUTCFullYear();
    const span = Math.max(0, ...this.#latest.keys());
    for (let first = thisYear; first > thisYear - span - YEARS_TO_TRY; first--) {
      if (this.#fits(first, now)) return first;
    }
    return thisYear - span - 1;
  }

  #fits(first: number, now: number): boolean {
    for (const year of this.#leapYears) if (!isLeapYear(first + year)) return false;
    for (const [year, parts] of this.#latest) if ((utcTime(first + year, parts) ?? 0) > now) return false;
    return true;
  }
}

function isLeapYear(year: number): boolean {
  return new Date(Date.UTC(year, 1, 29)).getUTCDate() === 29;
}
