import { type DateParts, monthIndex } from './calendar.ts';

/** Time of a syslog line: whole, or (RFC 3164) without a year, by the clock of its machine. */
export type SyslogTime = { timeMs: number } | { withoutYear: DateParts };

export interface SyslogLine {
  time: SyslogTime;
  host: string;
  /** `program[pid]: text` */
  message: string;
}

const RFC_3164 =
  /^(?:<\d{1,3}>)?(?<month>[A-Z][a-z]{2}) +(?<day>\d{1,2}) (?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d) (?<host>\S+) (?<message>.*)$/;
/** What rsyslog writes by default since Debian 12. */
const ISO_8601 = /^(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) (?<host>\S+) (?<message>.*)$/;

/** The parts of a syslog line as files hold it; undefined for anything else. */
export function parseSyslogLine(line: string): SyslogLine | undefined {
  const iso = ISO_8601.exec(line)?.groups;
  if (iso) {
    const timeMs = Date.parse(iso.time!);
    return Number.isNaN(timeMs) ? undefined : { time: { timeMs }, host: iso.host!, message: iso.message! };
  }
  const fields = RFC_3164.exec(line)?.groups;
  const month = fields ? monthIndex(fields.month!) : -1;
  if (!fields || month === -1) return undefined;
  const { day, hour, minute, second } = fields;
  const withoutYear = {
    month,
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
  };
  return { time: { withoutYear }, host: fields.host!, message: fields.message! };
}
