import { monthIndex, utcTime } from './calendar.ts';
import { type LogFormat, type ParsedLine, surveyUpToFirstTime } from './log-format.ts';
import { cutText } from './text-limit.ts';

const ROUTE_LIMIT = 1024;
const USER_AGENT_LIMIT = 1024;

/** Text between quotes in which servers escape quotes and backslashes with a backslash. */
const QUOTED = String.raw`[^"\\]*(?:\\.[^"\\]*)*`;

/**
 * Apache's Common Log Format `%h %l %u %t "%r" %>s %b`, Combined with `"%{Referer}i" "%{User-agent}i"` behind it, and
 * either with the `%v:%p` in front that Debian's `other_vhosts_access.log` has. The last quote may be missing: logs
 * that went through other programs have cut lines. More fields may follow.
 */
const ACCESS_LINE = new RegExp(
  String.raw`^(?:[^\s:]+:\d+ )?(?<host>\S+) \S+ (?<authUser>.+?) ` +
    String.raw`\[(?<day>\d\d)/(?<month>[A-Z][a-z]{2})/(?<year>\d{4}):(?<time>\d\d:\d\d:\d\d) (?<zone>[+-]\d{4})\] ` +
    String.raw`"(?<request>${QUOTED})" (?<status>\d{3}) (?<bytes>\d+|-)` +
    `(?: "${QUOTED}" "(?<userAgent>${QUOTED}))?`,
);
/** HTTP/0.9 had no version. */
const REQUEST_LINE = /^([A-Z][A-Z_-]*) (\S.*?)(?: HTTP\/\d(?:\.\d)?)?$/;
const SCHEME_AND_AUTHORITY = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;

/** Access logs of web servers: one `request` event a line. Whoever didn't sign in is the user `ip:<address>`. */
export const accessLog: LogFormat = {
  name: 'Common or Combined Log Format',
  recognises: (line) => ACCESS_LINE.test(line),
  survey: async (lines) => ({
    firstTimeMs: await surveyUpToFirstTime(lines, (line) => {
      const fields = ACCESS_LINE.exec(line)?.groups;
      return fields && timeOf(fields);
    }),
    createParser: () => ({ parse: parseAccessLine }),
  }),
};

type Fields = Record<string, string>;

function parseAccessLine(line: string): ParsedLine {
  const fields = ACCESS_LINE.exec(line)?.groups as Fields | undefined;
  if (!fields) return { skipped: 'not a line of Common or Combined Log Format' };
  const ts = timeOf(fields);
  if (ts === undefined) return { skipped: 'the calendar has no such time' };
  const request = REQUEST_LINE.exec(fields.request!);
  if (!request) return { skipped: 'the request line is no HTTP' };
  const { host, authUser, status, bytes, userAgent } = fields;
  return {
    events: [
      {
        kind: 'request',
        ts,
        user: authUser === '-' || authUser === '""' ? `ip:${host}` : authUser,
        ip: host,
        method: request[1],
        route: routeOf(request[2]!),
        status: Number(status),
        // The format has no field for it.
        durationMs: 0,
        ...(bytes !== '-' && { bytes: Number(bytes) }),
        ...(userAgent && userAgent !== '-' && { userAgent: cutText(userAgent, USER_AGENT_LIMIT) }),
      },
    ],
  };
}

/** The path without host, query and fragment. */
function routeOf(target: string): string {
  const path = target.replace(SCHEME_AND_AUTHORITY, '').split(/[?#]/, 1)[0]!;
  return cutText(path === '' ? '/' : path, ROUTE_LIMIT);
}

function timeOf(fields: Fields): number | undefined {
  const month = monthIndex(fields.month!);
  if (month === -1) return undefined;
  const [hour, minute, second] = fields.time!.split(':').map(Number) as [number, number, number];
  const local = utcTime(Number(fields.year), { month, day: Number(fields.day), hour, minute, second });
  const zone = fields.zone!;
  const offsetMinutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3));
  return local === undefined ? undefined : local - Number(`${zone[0]}1`) * offsetMinutes * 60_000;
}
