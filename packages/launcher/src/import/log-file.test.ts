import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { type Event, eventSchema, eventTimeMs } from '@liminal/shared/contracts/event';
import { Random } from '@liminal/shared/runtime/random';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ImportedEntry, type LogFile, openLogFile } from './log-file.ts';
import type { SurveyContext } from './log-format.ts';
import { realData } from './testing/real-data.ts';

const CONTEXT = { year: undefined, now: Date.parse('2026-01-01T00:00:00Z') };
const ACCESS = '198.51.100.4 - - [01/Jan/2024:00:00:00 +0000] "GET / HTTP/1.1" 200 1';
const AUTH = 'Mar 27 13:06:56 web sshd[1]: Failed password for root from 198.51.100.4 port 22 ssh2';
const EVENT = '{"kind":"login","ts":1,"user":"ann","ip":"198.51.100.4","success":true}';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'liminal-import-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function write(name: string, content: string | Buffer): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}

const entriesIn = (log: LogFile): Promise<ImportedEntry[]> => Readable.from(log.entries()).toArray();
const entriesOf = async (path: string, context: SurveyContext = CONTEXT): Promise<ImportedEntry[]> =>
  entriesIn(await openLogFile(path, context));
const eventsOf = (entries: ImportedEntry[]): Event[] =>
  entries.flatMap((entry) => ('event' in entry ? [entry.event] : []));
const skippedOf = (entries: ImportedEntry[]): string[] =>
  entries.flatMap((entry) => ('skipped' in entry ? [entry.skipped] : []));

describe('log file', () => {
  test.each([
    ['Common or Combined Log Format', ACCESS, '2024-01-01T00:00:00Z'],
    ['sshd auth log', AUTH, '2025-03-27T13:06:56Z'],
    ['NDJSON events', EVENT, '1970-01-01T00:00:00.001Z'],
  ])('recognises %s by content, under garbage and packed', async (format, line, time) => {
    const content = `${'garbage\n'.repeat(200)}\n${line}\n`;
    for (const file of [await write('as.bin', content), await write('packed', gzipSync(content))]) {
      const log = await openLogFile(file, CONTEXT);
      expect(log).toMatchObject({ format, firstTimeMs: Date.parse(time) });
      expect(eventsOf(await entriesIn(log))).toHaveLength(1);
    }
  });

  test('a file of no known format has every line skipped', async () => {
    const log = await openLogFile(await write('prose.txt', 'Dear reader,\nthis is no log.\n'), CONTEXT);
    expect(log).toMatchObject({ format: undefined, firstTimeMs: undefined });
    expect(skippedOf(await entriesIn(log))).toEqual(Array(2).fill('no line of the file has a known format'));
  });

  test('an empty file has no entries', async () => {
    expect(await entriesOf(await write('empty', ''))).toEqual([]);
  });

  test('gives ids by content and line, the same packed or not, and keeps the ids of events', async () => {
    const repeated = AUTH.replace('Failed', 'message repeated 2 times: [ Failed') + ']';
    const content = `${AUTH}\n${repeated}\n`;
    const ids = eventsOf(await entriesOf(await write('auth', content))).map(({ id }) => id);
    expect(ids).toEqual([
      expect.stringMatching(/^[0-9a-f]{12}:1$/),
      `${ids[0]!.slice(0, -1)}2.1`,
      `${ids[0]!.slice(0, -1)}2.2`,
    ]);
    expect(eventsOf(await entriesOf(await write('packed', gzipSync(content)))).map(({ id }) => id)).toEqual(ids);
    const other = eventsOf(await entriesOf(await write('other', content.replace('root', 'toor'))));
    expect(other[0]!.id).not.toBe(ids[0]);
    const withId = EVENT.replace('{', '{"id":"mine",');
    expect(eventsOf(await entriesOf(await write('events', `${withId}\n`)))[0]!.id).toBe('mine');
  });

  test('keeps the ids of a log that grew past its first 64 KB', async () => {
    const begun = `${ACCESS}\n`.repeat(1000);
    const idsOf = async (content: string): Promise<unknown[]> =>
      eventsOf(await entriesOf(await write('growing', content))).map(({ id }) => id);
    const before = await idsOf(begun);
    expect((await idsOf(`${begun}${ACCESS}\n`)).slice(0, before.length)).toEqual(before);
  });

  test('skips what the schema refuses, blank and overlong lines, each with its reason', async () => {
    const lines = [
      EVENT,
      '',
      EVENT.replace('"ann"', '""'),
      EVENT.replace('login', 'logout'),
      `{"a":"${'x'.repeat(70_000)}"}`,
      '[1]',
      '{broken',
      EVENT,
    ];
    const entries = await entriesOf(await write('events', lines.join('\n')));
    expect(entries.map(({ line }) => line)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(eventsOf(entries)).toHaveLength(2);
    expect(skippedOf(entries)).toEqual([
      'blank',
      expect.stringContaining('field "user"'),
      expect.stringContaining('field "kind"'),
      'longer than 64 KB',
      'not a JSON object',
      'not a JSON object',
    ]);
  });

  test('reads a cut-off compressed file as far as it goes', async () => {
    const random = new Random(1);
    const content = Array.from({ length: 5000 }, () => ACCESS.replace('"GET /', `"GET /${random.uint32()}`)).join('\n');
    const packed = gzipSync(content);
    const entries = await entriesOf(await write('cut.gz', packed.subarray(0, packed.length / 2)));
    expect(eventsOf(entries).length).toBeGreaterThan(1000);
    expect(skippedOf(entries).at(-1)).toBe('the compressed file is damaged or cut off from here on');
  });

  test('says what to do about a file that is not there', async () => {
    await expect(openLogFile(join(directory, 'nowhere'), CONTEXT)).rejects.toThrow(/nowhere does not exist: give/);
    await expect(openLogFile(directory, CONTEXT)).rejects.toThrow(/is not a file: give/);
  });

  test('garbage never stops it: damaged lines of every format give a valid event or a reason', async () => {
    const seed = Math.trunc(performance.timeOrigin) >>> 0;
    console.info(`fuzz seed ${seed}`);
    const random = new Random(seed);
    for (const line of [ACCESS, AUTH, EVENT]) {
      const lines = [line];
      for (let count = 0; count < 1500; count++) lines.push(damage(random.pick([ACCESS, AUTH, EVENT, line]), random));
      const content = Buffer.from(lines.join('\n'), 'latin1');
      const expectedLines = lines.join('\n').replace(/\n$/, '').split('\n').length;
      const entries = await entriesOf(await write('fuzz', content));
      expect(entries.at(-1)!.line, `seed ${seed}`).toBe(expectedLines);
      const events = eventsOf(entries);
      expect(events.length, `seed ${seed}`).toBeGreaterThan(0);
      for (const event of events) expect(eventSchema.safeParse(event).success, `seed ${seed}`).toBe(true);
    }
  });
});

/** Cuts, doubles, or overwrites a part of a line with any bytes. */
function damage(line: string, random: Random): string {
  const start = random.int(line.length);
  const end = start + random.int(Math.min(30, line.length - start));
  const noise = Array.from({ length: random.int(20) }, () => String.fromCharCode(random.int(256))).join('');
  const middle = random.pick(['', noise, line.slice(start, end).repeat(1 + random.int(3)), '"', '\\', '[', ' ']);
  return line.slice(0, start) + middle + line.slice(end);
}

const secrepo = realData('weblogs/secrepo_access_2021-10-22.log');
const elastic = realData('weblogs/elastic_apache_access.log');
const ec2Auth = realData('auth/elastic_ec2_auth.log');

describe('real logs', () => {
  test.skipIf(!secrepo)('secrepo: 644 requests of 160 addresses, none skipped', async () => {
    const entries = await entriesOf(secrepo!);
    expect(skippedOf(entries)).toEqual([]);
    const events = eventsOf(entries);
    expect(events).toHaveLength(644);
    expect(new Set(events.map(({ user }) => user)).size).toBe(160);
    expect(events.every(({ user }) => user.startsWith('ip:'))).toBe(true);
  });

  test.skipIf(!elastic)('elastic: 10,000 requests of 1,753 addresses, none skipped', async () => {
    const entries = await entriesOf(elastic!);
    expect(skippedOf(entries)).toEqual([]);
    expect(eventsOf(entries)).toHaveLength(10_000);
    expect(new Set(eventsOf(entries).map(({ user }) => user)).size).toBe(1753);
    expect(new Set(eventsOf(entries).map(({ id }) => id)).size).toBe(10_000);
  });

  test.skipIf(!ec2Auth)('auth log: 226 accepted and 1,116 failed attempts', async () => {
    const entries = await entriesOf(ec2Auth!);
    expect(entries.at(-1)!.line).toBe(7121);
    const successes = eventsOf(entries).map((event) => event.kind === 'login' && event.success);
    expect(successes.filter((success) => success)).toHaveLength(226);
    expect(successes.filter((success) => !success)).toHaveLength(failedAttempts(await readFile(ec2Auth!, 'utf8')));
    expect(successes.filter((success) => !success)).toHaveLength(1116);
    // 189 lines tell of one attempt too many: most connections had a line for each of the attempts before.
    expect(skippedOf(entries).filter((reason) => reason === 'attempts counted at their own lines')).toHaveLength(158);
  });

  test.skipIf(!ec2Auth)('auth log: all times move with the zone of its machine', async () => {
    const context = { ...CONTEXT, year: 2019 };
    const timesOf = async (utcOffsetMs: number): Promise<number[]> =>
      eventsOf(await entriesOf(ec2Auth!, { ...context, utcOffsetMs })).map(eventTimeMs);
    const utc = await timesOf(0);
    expect(await timesOf(2 * 3_600_000)).toEqual(utc.map((ts) => ts - 2 * 3_600_000));
  });
});

/**
 * Counted another way: all failures, each announced name that no failure of its connection follows, and each connection
 * that was closed for too many attempts without a line of any.
 */
function failedAttempts(log: string): number {
  let count = 0;
  const waiting = new Set<string>();
  const seen = new Set<string>();
  for (const line of log.split('\n')) {
    const pid = /sshd\[(\d+)\]/.exec(line)?.[1] ?? '';
    if (line.includes('nvalid user  from')) continue;
    if (line.includes('Failed ')) {
      count += Number(/repeated (\d+) times/.exec(line)?.[1] ?? 1);
      if (line.includes('invalid user')) waiting.delete(pid);
      seen.add(pid);
    } else if (line.includes(': Invalid user ')) {
      if (waiting.has(pid)) count++;
      waiting.add(pid);
      seen.add(pid);
    } else if (line.includes(': error: maximum authentication attempts exceeded ')) {
      if (!seen.has(pid)) count++;
    }
  }
  return count + waiting.size;
}
