import type { LineParser, LogFormat, ParsedLine, Survey } from './log-format.ts';
import { parseSyslogLine } from './syslog-line.ts';
import { FirstYearInference, SyslogYears } from './syslog-years.ts';

/** OpenSSH 9.8 moved sign-ins into a program of its own. */
const SSHD = /^sshd(?:-session|-auth)?\[(?<pid>\d+)\]: (?<text>.*)$/;
const REPEATED = /^message repeated (?<times>\d+) times: \[ ?(?<text>.*)\]$/;
/**
 * The user is whatever the client sent, so it may itself read like the end of such a line: the match is greedy and
 * anchored at the end, where sshd wrote the address.
 */
const ATTEMPT =
  /^(?<result>Accepted|Failed) \S+ for (?<invalid>invalid user )?(?<user>.*) from (?<ip>\S+)(?: port \d+)?(?: ssh\d?)?(?:: .*)?$/;
const INVALID_USER = /^Invalid user (?<user>.*) from (?<ip>\S+)(?: port \d+)?$/;

/** More repetitions in one line than any sshd lets through are garbage. */
const MAX_REPETITIONS = 10_000;
/** Without a name there is no user whose event it could be. */
const NAMELESS: ParsedLine = { skipped: 'the user name is empty' };
/** `Invalid user` lines remembered. Only those of connections still open matter. */
const MAX_REMEMBERED = 10_000;

/** Sign-ins through sshd as syslog files hold them: one `login` event an attempt. */
export const authLog: LogFormat = {
  name: 'sshd auth log',
  recognises: (line) => parseSyslogLine(line) !== undefined,
  survey: async (lines, { year, now }): Promise<Survey> => {
    const inference = new FirstYearInference();
    let firstTime: ((firstYear: number) => number | undefined) | undefined;
    for await (const { text } of lines) {
      const time = text === undefined ? undefined : parseSyslogLine(text)?.time;
      if (time === undefined) continue;
      firstTime ??= (firstYear) => new SyslogYears(firstYear).timeOf(time);
      if ('timeMs' in time || year !== undefined) break;
      inference.add(time.withoutYear);
    }
    const firstYear = year ?? inference.firstYear(now);
    return { firstTimeMs: firstTime?.(firstYear), createParser: () => new AuthLogParser(firstYear) };
  },
};

class AuthLogParser implements LineParser {
  readonly #years: SyslogYears;
  readonly #announced = new AnnouncedAttempts();

  constructor(firstYear: number) {
    this.#years = new SyslogYears(firstYear);
  }

  parse(line: string): ParsedLine {
    const syslog = parseSyslogLine(line);
    if (!syslog) return { skipped: 'not a syslog line' };
    const ts = this.#years.timeOf(syslog.time);
    if (ts === undefined) return { skipped: 'the calendar has no such time' };
    const sshd = SSHD.exec(syslog.message)?.groups;
    if (!sshd) return { skipped: 'of another program than sshd' };
    const repeated = REPEATED.exec(sshd.text!)?.groups;
    const times = repeated ? Number(repeated.times) : 1;
    if (times > MAX_REPETITIONS) return { skipped: `repeated more than ${MAX_REPETITIONS} times` };
    return this.#parseText(repeated?.text ?? sshd.text!, times, ts, `${syslog.host} ${sshd.pid}`);
  }

  #parseText(text: string, times: number, ts: number, connection: string): ParsedLine {
    const attempt = ATTEMPT.exec(text)?.groups;
    if (attempt) {
      const { user, ip } = attempt as { user: string; ip: string };
      if (user.trim() === '') return NAMELESS;
      const counted = attempt.invalid ? this.#announced.take(connection, user, ip, times) : 0;
      if (counted === times) return { skipped: 'attempt counted at its "Invalid user" line' };
      return attempts({ user, ip, ts, success: attempt.result === 'Accepted' }, times - counted);
    }
    const invalid = INVALID_USER.exec(text)?.groups;
    if (!invalid) return { skipped: 'of sshd, but no sign-in' };
    const { user, ip } = invalid as { user: string; ip: string };
    if (user.trim() === '') return NAMELESS;
    this.#announced.add(connection, user, ip, times);
    return attempts({ user, ip, ts, success: false }, times);
  }
}

function attempts(login: { user: string; ip: string; ts: number; success: boolean }, times: number): ParsedLine {
  return { events: Array.from({ length: times }, () => ({ kind: 'login', ...login })) };
}

/**
 * sshd logs `Invalid user NAME` when a client names itself, and `Failed … for invalid user NAME` for each attempt that
 * it lets the client make then: often none. The first line counts as an attempt; the first failure of the same
 * connection is that attempt again.
 */
class AnnouncedAttempts {
  readonly #counts = new Map<string, number>();

  add(connection: string, user: string, ip: string, times: number): void {
    const key = keyOf(connection, user, ip);
    this.#counts.delete(key);
    this.#counts.set(key, times);
    if (this.#counts.size <= MAX_REMEMBERED) return;
    const [oldest] = this.#counts.keys();
    this.#counts.delete(oldest!);
  }

  /** How many of these failures were counted already; each is told once. */
  take(connection: string, user: string, ip: string, times: number): number {
    const key = keyOf(connection, user, ip);
    const count = this.#counts.get(key) ?? 0;
    const taken = Math.min(count, times);
    if (taken === count) this.#counts.delete(key);
    else this.#counts.set(key, count - taken);
    return taken;
  }
}

const keyOf = (connection: string, user: string, ip: string): string => JSON.stringify([connection, user, ip]);
