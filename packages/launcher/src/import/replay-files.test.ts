import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EventsServer, json } from '../feed/testing/events-server.ts';
import { replayFiles } from './replay-files.ts';

const REPLAY = join(import.meta.dirname, '../bin/replay.ts');
const NOW = Date.parse('2026-01-01T00:00:00Z');
const access = (day: number, lines: number): string =>
  Array.from(
    { length: lines },
    (_, index) => `198.51.100.${index % 200} - - [0${day}/Jan/2024:00:00:00 +0000] "GET /${index} HTTP/1.1" 200 1\n`,
  ).join('');

let directory: string;
let server: EventsServer;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'liminal-replay-'));
  server = await EventsServer.start();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function write(name: string, content: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}

describe('replayFiles', () => {
  test('feeds files in the order of their first times, and counts', async () => {
    const later = await write('a.log', `${access(3, 700)}garbage\n`);
    const earlier = await write('b.log', `garbage\n\n${access(2, 10)}`);
    const timeless = await write('c.txt', 'nothing\n');
    const opened: string[] = [];
    const options = { files: [timeless, later, earlier], url: server.url, speed: 'max' as const, now: NOW };
    const tally = await replayFiles({ ...options, onOpen: (files) => opened.push(...files.map(({ path }) => path)) });
    expect(opened).toEqual([earlier, later, timeless]);
    expect(tally).toEqual({
      linesRead: 714,
      accepted: 710,
      duplicates: 0,
      refused: new Map(),
      skipped: new Map([
        ['not a line of Common or Combined Log Format', 2],
        ['blank', 1],
        ['no line of the file has a known format', 1],
      ]),
    });
    const times = server.events.map(({ ts }) => Number(ts));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(await replayFiles(options)).toMatchObject({ accepted: 0, duplicates: 710 });
  });

  test('reports what was reached when the backend refuses for good', async () => {
    const file = await write('a.log', access(1, 700));
    server.onCall = () => {
      if (server.callSizes.length === 2) server.interruptions.push((response) => json(response, 404, {}));
    };
    const reported: number[] = [];
    const onProgress = ({ accepted }: { accepted: number }): void => void reported.push(accepted);
    const replay = replayFiles({ files: [file], url: server.url, speed: 'max', now: NOW, onProgress });
    await expect(replay).rejects.toThrow(/answers 404/);
    expect(reported.at(-1)).toBe(500);
  });
});

describe('replay, the command', () => {
  async function run(
    args: string[],
    { until }: { until?: RegExp } = {},
  ): Promise<{ code: number | null; out: string; err: string }> {
    const child = spawn(process.execPath, [REPLAY, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
    let seen = '';
    child.stderr.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
      if (until?.test(seen)) child.kill('SIGINT');
    });
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { code: await closed, out, err };
  }
  test('prints the tally', async () => {
    const file = await write('a.log', `${access(1, 1234)}garbage\n`);
    const { code, out, err } = await run([file, '--url', server.url]);
    expect(err).toMatch(/a\.log: Common or Combined Log Format, from 2024-01-01T00:00:00\.000Z/);
    expect(err).toMatch(/replay 100% · [\d,]+ events taken/);
    expect(out).toBe(
      [
        '       1,235  lines read',
        '       1,234  events taken',
        '           0  duplicates',
        '           1  lines skipped',
        '           1    not a line of Common or Combined Log Format',
        '',
      ].join('\n'),
    );
    expect(code).toBe(0);
  });

  test('refuses an unknown option with one sentence and exit code 2', async () => {
    expect(await run(['x.log', '--fast'])).toEqual({ code: 2, out: '', err: `Unknown option '--fast': see --help.\n` });
  });

  test('says in one sentence that a file is missing', async () => {
    const { code, out, err } = await run([join(directory, 'nowhere.log')]);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/nowhere\.log does not exist: give the path of a log file that you may read\n$/);
  });

  test('Ctrl-C ends it with the tally so far', async () => {
    const file = await write('a.log', access(1, 5000));
    server.onCall = () => {
      if (server.callSizes.length !== 3) return;
      // The fourth call waits for the receiver when the signal comes.
      server.interruptions.push((response) => {
        json(response, 202, { accepted: 500, duplicates: 0 });
        server.interruptions.push((busy) => json(busy, 503, {}, { 'retry-after': '60' }));
      });
    };
    const { code, out, err } = await run([file, '--url', server.url], { until: /trying again/ });
    expect(err).toMatch(/answers 503; trying again in 60 s/);
    expect(out).toMatch(/ 1,500 {2}events taken/);
    expect(code).toBe(130);
  });
});
