import { parseArgs } from 'node:util';
import { UsageError } from '@liminal/shared/runtime/usage-error';
import { SCENARIOS } from '@liminal/simulator/label';
import type { AttackedTrafficOptions } from '@liminal/simulator/traffic';
import type { FeedSpeed } from '../feed/batches.ts';
import { DEFAULT_BACKEND_URL, parseSpeed, parseUrl } from '../import/replay-options.ts';

const DEFAULT_SEED = 1;
const DEFAULT_USERS = 300;
const DEFAULT_HOURS = 24;
const HOUR_MS = 3_600_000;

export const SIMULATE_USAGE = `Usage: simulate [--url ${DEFAULT_BACKEND_URL} | --out FILE] [--users N] [--hours H] [--seed N] …

Makes the traffic of a platform with labelled attacks, and feeds it into a running suite or writes it to a file.
The same seed, users and period give the same events.

  --url URL      address of the backend                                    (${DEFAULT_BACKEND_URL})
  --out FILE     writes the events to FILE (NDJSON) instead, and the attacks to FILE.labels.ndjson
  --labels FILE  writes the attacks to FILE (NDJSON)
  --seed N       the same people and the same chance                       (${DEFAULT_SEED})
  --users N      people of the platform                                    (${DEFAULT_USERS})
  --hours H      length of the period                                      (${DEFAULT_HOURS})
  --from TIME    its start, ISO 8601                                       (its end less --hours)
  --to TIME      its end, ISO 8601                                         (now)
  --attacks N    attacks of each scenario, or none                         (as many as fit users and period)
  --speed S      max, or N× for N times faster than it happens, as 60×     (max)
  --follow       goes on when it has reached now: one day after the other in real time, until Ctrl-C
  --help         this text

Scenarios: ${SCENARIOS.join(', ')}.

Examples:
  simulate                                          the last 24 hours of 300 users, into the suite on this machine
  simulate --hours 1 --speed 60× --labels l.ndjson  the last hour in a minute, with the truth about it in l.ndjson
  simulate --hours 2 --follow --labels l.ndjson     the last two hours, and on from there as time goes by
  simulate --out day.ndjson --from 2026-11-16T00:00:00Z --hours 24 --seed 7
`;

export interface SimulateArguments {
  traffic: AttackedTrafficOptions;
  /** Where the events go. At the speed `live` the traffic has no end: after its period come the days that follow. */
  target: { kind: 'backend'; url: string; speed: FeedSpeed } | { kind: 'file'; path: string };
  /** Where the labels go; undefined when nobody wants them. */
  labelsPath: string | undefined;
}

/**
 * Reads the command line of `simulate`; `nowMs`: wall-clock time, ms since the epoch.
 * `help` when it asks for help. Throws UsageError.
 */
export function parseSimulateArguments(args: readonly string[], nowMs: number): SimulateArguments | 'help' {
  const values = parse(args);
  if (values.help) return 'help';
  const { out } = values;
  if (out !== undefined && (values.url !== undefined || values.speed !== undefined)) {
    throw new UsageError('--out writes a file, so --url and --speed mean nothing beside it: leave them or --out away.');
  }
  if (values.follow) refuseBesideFollow(values);
  const period = parsePeriod(values, nowMs);
  if (out === undefined && period.endMs > nowMs) {
    throw new UsageError('--to lies in the future, from which no event can come: give a time up to now.');
  }
  const attacks = values.attacks === undefined ? undefined : parseAttacks(values.attacks);
  return {
    traffic: {
      seed: wholeNumber('--seed', values.seed, DEFAULT_SEED, 0),
      users: wholeNumber('--users', values.users, DEFAULT_USERS, 1),
      ...period,
      ...(attacks !== undefined && { attacks }),
    },
    target:
      out === undefined
        ? {
            kind: 'backend',
            url: parseUrl(values.url ?? DEFAULT_BACKEND_URL),
            speed: values.follow ? 'live' : parseSpeed(values.speed ?? 'max'),
          }
        : { kind: 'file', path: out },
    labelsPath: values.labels ?? (out === undefined ? undefined : `${out}.labels.ndjson`),
  };
}

function refuseBesideFollow({ out, speed, to, from, hours }: ReturnType<typeof parse>): void {
  const other = Object.entries({ '--out': out, '--speed': speed, '--to': to }).find(([, value]) => value !== undefined);
  if (other !== undefined) throw new UsageError(`--follow goes on from now in real time: leave ${other[0]} away.`);
  if (from !== undefined && hours !== undefined) {
    throw new UsageError('--follow goes on from now: with it, give --from or --hours, not both.');
  }
}

interface PeriodValues {
  hours?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

function parsePeriod({ hours, from, to }: PeriodValues, nowMs: number): { startMs: number; endMs: number } {
  if (hours !== undefined && from !== undefined && to !== undefined) {
    throw new UsageError('--from, --to and --hours say one thing too many: leave one of them away.');
  }
  const lengthMs = Math.round(positiveNumber('--hours', hours, DEFAULT_HOURS) * HOUR_MS);
  if (from === undefined) {
    const endMs = to === undefined ? nowMs : parseTime('--to', to);
    return checkedPeriod(endMs - lengthMs, endMs);
  }
  const startMs = parseTime('--from', from);
  if (to !== undefined) return checkedPeriod(startMs, parseTime('--to', to));
  return checkedPeriod(startMs, hours === undefined ? nowMs : startMs + lengthMs);
}

function checkedPeriod(startMs: number, endMs: number): { startMs: number; endMs: number } {
  if (startMs < 0) throw new UsageError('The period begins before 1970: give a later --from or fewer --hours.');
  if (endMs <= startMs)
    throw new UsageError('The period ends before it begins: give a --from that lies before its end.');
  return { startMs, endMs };
}

/** Zone required: which moment `2026-11-16T00:00` is would depend on the machine. */
function parseTime(name: string, text: string): number {
  const isWhole = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text);
  const ms = isWhole ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) {
    throw new UsageError(`${name} ${text} is not an ISO 8601 time with a zone: use one such as 2026-11-16T00:00:00Z.`);
  }
  return ms;
}

function parseAttacks(text: string): AttackedTrafficOptions['attacks'] {
  if (text === 'none') return 'none';
  const each = wholeNumber('--attacks', text, 0, 0);
  return Object.fromEntries(SCENARIOS.map((scenario) => [scenario, each]));
}

function wholeNumber(name: string, text: string | undefined, fallback: number, least: number): number {
  if (text === undefined) return fallback;
  const number = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(number) && number >= least) return number;
  throw new UsageError(`${name} ${text} is not a whole number of at least ${least}.`);
}

function positiveNumber(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const number = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && number > 0) return number;
  throw new UsageError(`${name} ${text} is not a positive number.`);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        url: { type: 'string' },
        out: { type: 'string' },
        labels: { type: 'string' },
        seed: { type: 'string' },
        users: { type: 'string' },
        hours: { type: 'string' },
        from: { type: 'string' },
        to: { type: 'string' },
        attacks: { type: 'string' },
        speed: { type: 'string' },
        follow: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // Node's own words, of which only the first sentence is about what was typed.
    throw new UsageError(`${error.message.split(/\. |\n/, 1)[0]!.replace(/\.$/, '')}: see --help.`, { cause: error });
  }
}
