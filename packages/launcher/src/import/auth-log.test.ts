import { describe, expect, test } from 'vitest';
import { authLog } from './auth-log.ts';
import type { ParsedLine, SurveyContext } from './log-format.ts';

const HOUR_MS = 3_600_000;
const NOW = Date.parse('2024-06-01T00:00:00Z');

async function parseAll(
  lines: string[],
  { year, utcOffsetMs, now = NOW }: Partial<SurveyContext> = {},
): Promise<ParsedLine[]> {
  const survey = await authLog.survey(
    (async function* () {
      for (const [index, text] of lines.entries()) yield { number: index + 1, text };
    })(),
    { year, utcOffsetMs, now },
  );
  const parser = survey.createParser();
  return lines.map((line) => parser.parse(line));
}

const at = (text: string, { pid = 1, stamp = 'Mar 27 13:06:56' } = {}): string => `${stamp} web sshd[${pid}]: ${text}`;
const logins = (parsed: ParsedLine[]): number[] => parsed.map((entry) => ('events' in entry ? entry.events.length : 0));

describe('sshd auth log', () => {
  test('reads accepted and failed attempts', async () => {
    const [accepted, failed] = await parseAll([
      at('Accepted publickey for ann from 198.51.100.4 port 55000 ssh2: RSA SHA256:abc'),
      at('Failed password for root from 2001:db8::1 port 22 ssh2'),
    ]);
    const ts = Date.parse('2024-03-27T13:06:56Z');
    expect(accepted).toEqual({ events: [{ kind: 'login', ts, user: 'ann', ip: '198.51.100.4', success: true }] });
    expect(failed).toEqual({ events: [{ kind: 'login', ts, user: 'root', ip: '2001:db8::1', success: false }] });
  });

  test('counts an attempt of an invalid user once, and every further one', async () => {
    const parsed = await parseAll([
      at('Invalid user bob from 198.51.100.4'),
      at('input_userauth_request: invalid user bob [preauth]'),
      at('Failed password for invalid user bob from 198.51.100.4 port 9 ssh2'),
      at('message repeated 5 times: [ Failed password for invalid user bob from 198.51.100.4 port 9 ssh2]'),
    ]);
    expect(logins(parsed)).toEqual([1, 0, 0, 5]);
  });

  test('counts the attempt that was one too many where its own line is missing, and only there', async () => {
    const tooMany = (who: string): string =>
      `error: maximum authentication attempts exceeded for ${who} from 198.51.100.4 port 9 ssh2 [preauth]`;
    const parsed = await parseAll([
      at(tooMany('root')),
      at('message repeated 5 times: [ Failed password for root from 198.51.100.4 port 9 ssh2]', { pid: 2 }),
      at(tooMany('root'), { pid: 2 }),
      at('Invalid user bob from 198.51.100.4', { pid: 3 }),
      at(tooMany('invalid user bob'), { pid: 3 }),
      at('Invalid user eve from 198.51.100.4', { pid: 4 }),
      at('Failed password for invalid user eve from 198.51.100.4 port 9 ssh2', { pid: 4 }),
      at('Failed password for invalid user eve from 198.51.100.4 port 9 ssh2', { pid: 4 }),
      at(tooMany('invalid user eve'), { pid: 4 }),
      at(tooMany('invalid user ann'), { pid: 4 }),
    ]);
    expect(logins(parsed)).toEqual([1, 5, 0, 1, 0, 1, 0, 1, 0, 1]);
    expect(parsed[0]).toMatchObject({ events: [{ user: 'root', ip: '198.51.100.4', success: false }] });
    expect(parsed[2]).toEqual({ skipped: 'attempts counted at their own lines' });
    expect(parsed[9]).toMatchObject({ events: [{ user: 'ann' }] });
  });

  test('keeps connections apart: same name and address, other pid', async () => {
    const parsed = await parseAll([
      at('Invalid user bob from 198.51.100.4', { pid: 1 }),
      at('Failed password for invalid user bob from 198.51.100.4 port 9 ssh2', { pid: 2 }),
    ]);
    expect(logins(parsed)).toEqual([1, 1]);
  });

  test('takes the address that sshd wrote, not one inside the name that a client sent', async () => {
    const [parsed] = await parseAll([
      at('Failed password for invalid user root from 6.6.6.6 port 1 ssh2 from 198.51.100.4 port 9 ssh2'),
    ]);
    expect(parsed).toMatchObject({ events: [{ user: 'root from 6.6.6.6 port 1 ssh2', ip: '198.51.100.4' }] });
  });

  test('reads times with a zone and the program name of newer releases', async () => {
    const [parsed] = await parseAll([
      '2023-03-27T13:06:56.5+02:00 web sshd-session[7]: Failed none for root from 198.51.100.4 port 9 ssh2',
    ]);
    expect(parsed).toMatchObject({ events: [{ ts: Date.parse('2023-03-27T11:06:56.500Z') }] });
  });

  describe('zone', () => {
    const failure = (stamp: string): string => at('Failed password for a from b', { stamp });
    const timesOf = async (lines: string[], context: Partial<SurveyContext>): Promise<string[]> =>
      (await parseAll(lines, context)).map((entry) => {
        if (!('events' in entry)) throw new Error(entry.skipped);
        return new Date((entry.events[0] as { ts: number }).ts).toISOString();
      });

    test('of times without one is the offset, of others their own', async () => {
      const lines = [
        failure('Mar 27 13:06:56'),
        '2024-03-27T13:06:56Z web sshd[7]: Failed none for root from 198.51.100.4 port 9 ssh2',
      ];
      expect(await timesOf(lines, { utcOffsetMs: -5 * HOUR_MS })).toEqual([
        '2024-03-27T18:06:56.000Z',
        '2024-03-27T13:06:56.000Z',
      ]);
    });

    test('decides what is the future when the year is inferred', async () => {
      const lines = [failure('Jun  1 03:00:00')];
      expect(await timesOf(lines, { utcOffsetMs: 5 * HOUR_MS })).toEqual(['2024-05-31T22:00:00.000Z']);
      expect(await timesOf(lines, { utcOffsetMs: 0 })).toEqual(['2023-06-01T03:00:00.000Z']);
      expect(await timesOf([failure('Jan  1 01:00:00')], { utcOffsetMs: 2 * HOUR_MS })).toEqual([
        '2023-12-31T23:00:00.000Z',
      ]);
    });
  });

  test.each([
    ['empty name', at('Invalid user  from 198.51.100.4'), 'the user name is empty'],
    ['other sshd line', at('Server listening on :: port 22.'), 'of sshd, but no sign-in'],
    [
      'other program',
      'Mar 27 13:06:56 web CRON[1]: Failed password for a from b port 1',
      'of another program than sshd',
    ],
    ['no syslog', 'Failed password', 'not a syslog line'],
    ['no such day', at('Failed password for a from b', { stamp: 'Feb 30 00:00:00' }), 'the calendar has no such time'],
    [
      'absurd repetition',
      at('message repeated 99999999999 times: [ Failed password for a from b port 1 ssh2]'),
      'repeated more than 10000 times',
    ],
  ])('skips with a reason: %s', async (_, line, reason) => {
    expect(await parseAll([line])).toEqual([{ skipped: reason }]);
  });

  describe('year', () => {
    const years = async (stamps: string[], year?: number): Promise<number[]> => {
      const parsed = await parseAll(
        stamps.map((stamp) => at('Failed password for a from b', { stamp: `${stamp} 12:00:00` })),
        { year },
      );
      return parsed.map((entry) => {
        if (!('events' in entry)) throw new Error(entry.skipped);
        return new Date((entry.events[0] as { ts: number }).ts).getUTCFullYear();
      });
    };

    test.each([
      ['this year when that is past', ['May 31'], [2024]],
      ['last year when it would be in the future', ['Jun  2'], [2023]],
      ['over New Year', ['Dec 31', 'Jan  1', 'Jan  2'], [2023, 2024, 2024]],
      [
        'whole log in the past, although its first line alone could be of this year',
        ['Mar  1', 'Aug  1'],
        [2023, 2023],
      ],
      ['a line out of order at New Year', ['Dec 30', 'Jan  1', 'Dec 31', 'Jan  1'], [2023, 2024, 2023, 2024]],
      ['29 February only in a leap year', ['Feb 29', 'Aug  1'], [2020, 2020]],
    ])('%s', async (_, stamps, expected) => {
      expect(await years(stamps)).toEqual(expected);
    });

    test('is that of the first line when given', async () => {
      expect(await years(['Dec 31', 'Jan  1'], 2017)).toEqual([2017, 2018]);
    });
  });
});
