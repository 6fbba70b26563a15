import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Event, eventSchema } from '@liminal/shared/contracts/event';
import { labelSchema } from '@liminal/simulator/label';
import { simulateTraffic } from '@liminal/simulator/traffic';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EventsServer } from '../feed/testing/events-server.ts';
import { type SimulateProgress, simulateInto } from './simulate-into.ts';

const SIMULATE = join(import.meta.dirname, '../bin/simulate.ts');
const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 10, 16, 8);
const traffic = { seed: 3, users: 40, startMs: START_MS, endMs: START_MS + 3 * HOUR_MS };

let directory: string;
let server: EventsServer;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'liminal-simulate-'));
  server = await EventsServer.start();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const dayAfter = ({ endMs, ...period }: typeof traffic, day: number) => ({
  ...period,
  startMs: endMs + day * 24 * HOUR_MS,
  endMs: endMs + (day + 1) * 24 * HOUR_MS,
});

const backend = () => ({ kind: 'backend', url: server.url, speed: 'max' }) as const;

async function ndjson(path: string): Promise<unknown[]> {
  const lines = (await readFile(path, 'utf8')).split('\n');
  expect(lines.pop()).toBe('');
  return lines.map((line) => JSON.parse(line));
}

describe('simulateInto', () => {
  test('feeds every event once, in order, and keeps the labels', async () => {
    const labelsPath = join(directory, 'labels.ndjson');
    const expected = simulateTraffic(traffic);
    const tally = await simulateInto({ traffic, target: backend(), labelsPath });
    expect(server.events).toEqual([...expected.events()]);
    expect(tally).toMatchObject({ events: server.events.length, accepted: server.events.length, duplicates: 0 });
    expect((await ndjson(labelsPath)).map((line) => labelSchema.parse(line))).toEqual(expected.labels);
    expect(expected.labels.length).toBe(6);
    // The same run again: nothing counts twice.
    const again = await simulateInto({ traffic, target: backend(), labelsPath: undefined });
    expect(again).toMatchObject({ accepted: 0, duplicates: tally.events });
  });

  test('goes on with other days of the same people when it follows', async () => {
    const short = { ...traffic, endMs: traffic.startMs + HOUR_MS };
    const interrupt = new AbortController();
    const until = short.endMs + 25 * HOUR_MS;
    const onProgress = ({ reachedMs }: SimulateProgress): void => {
      if (reachedMs > until) interrupt.abort();
    };
    const target = { kind: 'backend', url: server.url, speed: 'live' } as const;
    const tally = await simulateInto({
      traffic: short,
      target,
      labelsPath: undefined,
      signal: interrupt.signal,
      onProgress,
    });
    const days = [short, ...[0, 1].map((day) => dayAfter(short, day))].map((period) => simulateTraffic(period));
    const expected = days.flatMap((day) => [...day.events()]).slice(0, server.events.length);
    expect(server.events).toEqual(expected);
    expect(new Set(server.events.map(({ id }) => id)).size).toBe(server.events.length);
    const people = new Set([...days[0]!.events()].map(({ user }) => user));
    expect([...days[1]!.events()].filter(({ user }) => people.has(user)).length).toBeGreaterThan(0);
    expect(tally.labels.length).toBeGreaterThan(days[0]!.labels.length);
  });

  test('writes the same events to a file, with progress up to the end of the period', async () => {
    const path = join(directory, 'day.ndjson');
    const labelsPath = `${path}.labels.ndjson`;
    const reached: number[] = [];
    const options = { traffic, target: { kind: 'file', path } as const, labelsPath };
    const tally = await simulateInto({ ...options, onProgress: ({ reachedMs }) => reached.push(reachedMs) });
    const events = (await ndjson(path)).map((line): Event => eventSchema.parse(line));
    expect(events).toEqual([...simulateTraffic(traffic).events()]);
    expect(tally.accepted).toBe(events.length);
    expect(await ndjson(labelsPath)).toHaveLength(6);
    expect(reached.at(-1)).toBe(traffic.endMs);
  });

  test('ends early with whole lines and only the attacks that had begun', async () => {
    const path = join(directory, 'day.ndjson');
    const labelsPath = join(directory, 'labels.ndjson');
    const interrupt = new AbortController();
    const { labels } = simulateTraffic(traffic);
    const second = labels.map((label) => label.fromMs).sort((a, b) => a - b)[1]!;
    const tally = await simulateInto({
      traffic,
      target: { kind: 'file', path },
      labelsPath,
      signal: interrupt.signal,
      onProgress: ({ reachedMs }) => reachedMs >= second && interrupt.abort(),
    });
    const events = (await ndjson(path)) as Event[];
    expect(events.length).toBe(tally.accepted);
    const last = Number(events.at(-1)!.ts);
    expect(last).toBeLessThan(traffic.endMs);
    expect(await ndjson(labelsPath)).toEqual(labels.filter((label) => label.fromMs <= last));
    expect(tally.labels.length).toBeGreaterThanOrEqual(2);
    expect(tally.labels.length).toBeLessThan(labels.length);
  });

  test('says in one sentence what is wrong with a file or too few users', async () => {
    const nowhere = join(directory, 'no', 'where.ndjson');
    await expect(
      simulateInto({ traffic, target: { kind: 'file', path: nowhere }, labelsPath: undefined }),
    ).rejects.toThrow(/where\.ndjson can't be written \(ENOENT\)/);
    const crowded = { ...traffic, users: 4, attacks: { scraping: 9 } };
    await expect(simulateInto({ traffic: crowded, target: backend(), labelsPath: undefined })).rejects.toThrow(
      /too few for that many attacks/,
    );
  });

  test('gives up on a backend that is away', async () => {
    const away = { kind: 'backend', url: 'http://127.0.0.1:1', speed: 'max' } as const;
    const feeding = simulateInto({ traffic, target: away, labelsPath: undefined, giveUpAfterMs: 300 });
    await expect(feeding).rejects.toThrow(/Gave up after 0.3 s/);
  });
});

describe('the simulate command', () => {
  async function run(args: string[], onStart?: (kill: () => void) => void) {
    const child = spawn(process.execPath, [SIMULATE, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    onStart?.(() => child.kill('SIGINT'));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { out, err, code: await ended };
  }

  test('feeds a running backend up to now and says what became of it', async () => {
    const { out, err, code } = await run(['--url', server.url, '--hours', '3', '--users', '400']);
    expect(code).toBe(0);
    expect(out).toContain(`${server.events.length.toLocaleString('en').padStart(12)}  events taken`);
    expect(out).toMatch(/ 6 {2}attacks\n\s+credential-stuffing-1: /);
    expect(err).toMatch(/simulate 100% · /);
    const last = Number(server.events.at(-1)!.ts);
    expect(last).toBeLessThanOrEqual(Date.now());
    expect(Date.now() - last).toBeLessThan(HOUR_MS);
  });

  test('explains itself, and refuses what it does not know with one sentence', async () => {
    const [help, unknown] = await Promise.all([run(['--help']), run(['--fast'])]);
    expect(help).toMatchObject({ code: 0, err: '' });
    expect(help.out).toMatch(/^Usage: simulate .*Examples:/s);
    expect(unknown).toMatchObject({ code: 2, out: '' });
    expect(unknown.err).toMatch(/^[^\n]*--fast[^\n]*\n$/);
  });

  test('ends on Ctrl-C with what was taken so far', async () => {
    const path = join(directory, 'labels.ndjson');
    const { out, code } = await run(
      // No faster: a machine that stands still for some seconds must not bring the first attack near.
      ['--url', server.url, '--speed', '60×', '--hours', '6', '--users', '200', '--labels', path],
      (kill) => {
        server.onCall = () => {
          // Once: a second Ctrl-C, at a call that is sent before the first one arrives, would end it without its tally.
          if (server.callSizes.length === 3) kill();
        };
      },
    );
    expect(code).toBe(130);
    expect(out).toContain(`${server.events.length.toLocaleString('en').padStart(12)}  events taken`);
    expect(server.events.length).toBeGreaterThan(0);
    expect(await readFile(path, 'utf8')).toBe('');
  });
});
