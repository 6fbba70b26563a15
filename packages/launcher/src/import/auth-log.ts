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
/** The last word on a connection: after the attempt that was one too many, and after the line of that attempt, if any. */
const TOO_MANY =
  /^error: maximum authentication attempts exceeded for (?:invalid user )?(?<user>.*) from (?<ip>\S+)(?: port \d+)?(?: ssh\d?)?(?: \[preauth\])?$/;
const INVALID_USER = /^Invalid user (?<user>.*) from (?<ip>\S+)(?: port \d+)?$/;

/** More repetitions in one line than any sshd lets through are garbage. */
const MAX_REPETITIONS = 10_000;
/** Without a name there is no user whose event it could be. */
const NAMELESS: ParsedLine = { skipped: 'the user name is empty' };
/** Attempts remembered. Only those of connections still open matter. */
const MAX_REMEMBERED = 10_000;

/** Sign-ins through sshd as syslog files hold them: one `login` event an attempt. */
export const authLog: LogFormat = {
  name: 'sshd auth log',
  recognises: (line) => parseSyslogLine(line) !== undefined,
  survey: async (lines, { year, utcOffsetMs = 0, now }): Promise<Survey> => {
    const inference = new FirstYearInference();
    let firstTime: ((firstYear: number) => number | undefined) | undefined;
    for await (const { text } of lines) {
      const time = text === undefined ? undefined : parseSyslogLine(text)?.time;
      if (time === undefined) continue;
      firstTime ??= (firstYear) => new SyslogYears(firstYear, utcOffsetMs).timeOf(time);
      if ('timeMs' in time || year !== undefined) break;
      inference.add(time.withoutYear);
    }
    const firstYear = year ?? inference.firstYear(now + utcOffsetMs);
    return { firstTimeMs: firstTime?.(firstYear), createParser: () => new AuthLogParser(firstYear, utcOffsetMs) };
  },
};

class AuthLogParser implements LineParser {
  readonly #years: SyslogYears;
  readonly #announced = new RememberedAttempts();
  readonly #failed = new RememberedAttempts();

  constructor(firstYear: number, utcOffsetMs: number) {
    this.#years = new SyslogYears(firstYear, utcOffsetMs);
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
    const tooMany = attempt ? undefined : TOO_MANY.exec(text)?.groups;
    const invalid = attempt || tooMany ? undefined : INVALID_USER.exec(text)?.groups;
    const found = attempt ?? tooMany ?? invalid;
    if (!found) return { skipped: 'of sshd, but no sign-in' };
    const { user, ip } = found as { user: string; ip: string };
    if (user.trim() === '') return NAMELESS;
    const who = keyOf(connection, user, ip);
    if (attempt?.result === 'Accepted') return attempts({ user, ip, ts, success: true }, times);
    let counted = 0;
    if (attempt?.invalid) {
      counted = this.#announced.take(who, times);
      if (counted === times) return { skipped: 'attempt counted at its "Invalid user" line' };
    }
    // Depending on the kind of the attempts sshd wrote a line for each of them before, or for none.
    if (tooMany && this.#failed.take(who, 1) > 0) return { skipped: 'attempts counted at their own lines' };
    if (invalid) this.#announced.add(who, times);
    if (!tooMany) this.#failed.add(who, 1);
    return attempts({ user, ip, ts, success: false }, times - counted);
  }
}

function attempts(login: { user: string; ip: string; ts: number; success: boolean }, times: number): ParsedLine {
  return { events: Array.from({ length: times }, () => ({ kind: 'login', ...login })) };
}

/**
 * Attempts by connection, user and address, that a later line may tell of again. sshd logs `Invalid user NAME` when a
 * client names itself, and `Failed … for invalid user NAME` for each attempt that it lets the client make then: often
 * none. The first line counts as an attempt; the first failure of the same connection is that attempt again.
 */
class RememberedAttempts {
  readonly #counts = new Map<string, number>();

  add(who: string, times: number): void {
    this.#counts.delete(who);
    this.#counts.set(who, times);
    if (this.#counts.size <= MAX_REMEMBERED) return;
    const [oldest] = this.#counts.keys();
    this.#counts.delete(oldest!);
  }

  /** How many of these were counted already; each is told once. */
  take(who: string, times: number): number {
    const count = this.#counts.get(who) ?? 0;
    const taken = Math.min(count, times);
    if (taken === count) this.#counts.delete(who);
    else this.#counts.set(who, count - taken);
    return taken;
  }
}

const keyOf = (connection: string, user: string, ip: string): string => JSON.stringify([connection, user, ip]);
