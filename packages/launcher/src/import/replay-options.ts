import { parseArgs } from 'node:util';
import { UsageError } from '@liminal/shared/runtime/usage-error';
import type { FeedSpeed } from '../feed/batches.ts';

export const DEFAULT_BACKEND_URL = 'http://127.0.0.1:8000';

export const REPLAY_USAGE = `Usage: replay FILE… [--url ${DEFAULT_BACKEND_URL}] [--speed max|N×] [--year Y] [--utc-offset ±HH:MM]

Feeds real logs into a running suite. Each file is recognised by its content, packed with gzip or not:
Common or Combined Log Format, an sshd auth log, or NDJSON events.

  --url URL     address of the backend                                          (${DEFAULT_BACKEND_URL})
  --speed S     max, or N× for N times faster than it happened, such as 60×     (max)
  --year Y      year of the first line, for logs that have none                 (the latest that fits)
  --utc-offset ±HH:MM
                the zone of the machine, for logs whose times have none:
                sshd logs as syslog writes them                                 (+00:00)
  --help        this text
`;

export interface ReplayArguments {
  files: string[];
  url: string;
  speed: FeedSpeed;
  year: number | undefined;
  /** What the clocks of logs without a zone are ahead of UTC, in ms. */
  utcOffsetMs: number;
}

/** Reads the command line of `replay`. `help` when it asks for help. Throws UsageError. */
export function parseReplayArguments(args: readonly string[]): ReplayArguments | 'help' {
  const { values, positionals } = parse(args);
  if (values.help) return 'help';
  if (positionals.length === 0) throw new UsageError('No file is given: name the logs to replay, or see --help.');
  return {
    files: positionals,
    url: parseUrl(values.url ?? DEFAULT_BACKEND_URL),
    speed: parseSpeed(values.speed ?? 'max'),
    year: values.year === undefined ? undefined : parseYear(values.year),
    utcOffsetMs: parseUtcOffset(values['utc-offset'] ?? '+00:00'),
  };
}

/** `max`, or a factor such as `60×`, `60x` or `60`. Throws UsageError. */
export function parseSpeed(text: string): FeedSpeed {
  if (text === 'max') return 'max';
  const factor = Number(/^(\d+(?:\.\d+)?)[×x]?$/.exec(text)?.[1]);
  if (!(factor > 0)) throw new UsageError(`--speed ${text} is not a speed: use max, or a factor such as 60×.`);
  return factor;
}

/** Throws UsageError. */
export function parseYear(text: string): number {
  if (!/^(19[7-9]\d|[2-9]\d{3})$/.test(text)) {
    throw new UsageError(`--year ${text} is not a year since 1970: use four digits, such as 2024.`);
  }
  return Number(text);
}

/** `±HH:MM` as ms, positive east of Greenwich. Throws UsageError. */
export function parseUtcOffset(text: string): number {
  const [, sign, hours, minutes] = /^([+-])(\d\d):([0-5]\d)$/.exec(text) ?? [];
  const offsetMinutes = Number(hours) * 60 + Number(minutes);
  // The zones of the world lie within these bounds.
  if (!(offsetMinutes <= (sign === '-' ? 12 : 14) * 60)) {
    throw new UsageError(`--utc-offset ${text} is not an offset from UTC: use one such as +02:00 or -05:00.`);
  }
  return (sign === '-' ? -offsetMinutes : offsetMinutes) * 60_000 || 0;
}

/** Throws UsageError. */
export function parseUrl(text: string): string {
  const url = URL.parse(text);
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new UsageError(`--url ${text} is not an address: use one such as ${DEFAULT_BACKEND_URL}.`);
  }
  return text;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: joinOffset(args),
      allowPositionals: true,
      options: {
        url: { type: 'string' },
        speed: { type: 'string' },
        year: { type: 'string' },
        'utc-offset': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // Node's own words, of which only the first sentence is about what was typed.
    throw new UsageError(`${error.message.split(/\. |\n/, 1)[0]!.replace(/\.$/, '')}: see --help.`, { cause: error });
  }
}

/** An offset west of Greenwich begins with a dash and would be taken for an option of its own. */
function joinOffset(args: readonly string[]): string[] {
  const at = args.indexOf('--utc-offset');
  if (at === -1 || !/^-\d/.test(args[at + 1] ?? '')) return [...args];
  return [...args.slice(0, at), `--utc-offset=${args[at + 1]}`, ...args.slice(at + 2)];
}
