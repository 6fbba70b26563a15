const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** 0 to 11, or -1 for what is no English month name of three letters. */
export function monthIndex(name: string): number {
  return MONTHS.indexOf(name);
}

/** A date and time as read from a log. `month` counts from 0. */
export interface DateParts {
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
}

/** Milliseconds since the epoch, in UTC; undefined when the calendar has no such time. A leap second is the next one. */
export function utcTime(year: number, { month, day, hour, minute, second }: DateParts): number | undefined {
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const midnight = Date.UTC(year, month, day);
  const date = new Date(midnight);
  if (date.getUTCFullYear() !== year || date.getUTCMonth() !== month || date.getUTCDate() !== day) return undefined;
  return midnight + ((hour * 60 + minute) * 60 + second) * 1000;
}
