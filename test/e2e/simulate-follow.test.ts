import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { eventTimeMs } from '@liminal/shared/contracts/event';
import { decodeEvents } from '@liminal/shared/contracts/event-batch-reader';
import { streamKey } from '@liminal/shared/contracts/keys';
import { startTestRedis } from '@liminal/shared/testing/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServiceProcess, until } from './service-process.ts';

const SIMULATE = fileURLToPath(new URL('../../packages/launcher/src/bin/simulate.ts', import.meta.url));
const PARTITIONS = 2;
/** Enough that something happens every second at any time of day. */
const USERS = 4_000;
const LIVE_CALLS = 8;
/** Events that are due within 100 ms of each other travel together; the rest is a slow machine. */
const EARLIEST_MS = -150;
const LATEST_MS = 2_000;

interface Arrival {
  /** When Redis took the entry, and when its events happened, ms since the epoch. */
  atMs: number;
  timesMs: number[];
  ids: (string | undefined)[];
}

describe('simulate --follow', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  let backend: ServiceProcess;
  let redis: Redis;
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'liminal-follow-'));
    cleanups.push(() => rm(directory, { recursive: true, force: true }));
    const server = await startTestRedis();
    cleanups.push(() => server.stop());
    redis = new Redis(server.url);
    cleanups.push(async () => redis.disconnect());
    backend = await ServiceProcess.start('backend', { REDIS_URL: server.url, PARTITIONS: String(PARTITIONS) });
    cleanups.push(() => backend.kill());
  });

  afterAll(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });

  async function arrivals(): Promise<Arrival[]> {
    const found: Arrival[] = [];
    for (let partition = 0; partition < PARTITIONS; partition++) {
      for (const [id, fields] of await redis.xrangeBuffer(streamKey('events', partition), '-', '+')) {
        const events = decodeEvents(fields[fields.findIndex((field) => field.toString() === 'b') + 1]!);
        const atMs = Number(id.toString().split('-')[0]);
        found.push({ atMs, timesMs: events.map(eventTimeMs), ids: events.map(({ id }) => id) });
      }
    }
    return found;
  }

  it('sends the past at once, and then each event when it happens, until Ctrl-C', { timeout: 90_000 }, async () => {
    const labelsPath = join(directory, 'labels.ndjson');
    const args = [
      '--follow',
      '--hours',
      '0.05',
      '--users',
      String(USERS),
      '--url',
      backend.url,
      '--labels',
      labelsPath,
    ];
    const startedMs = Date.now();
    const child: ChildProcess = spawn(process.execPath, [SIMULATE, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    cleanups.push(async () => child.kill('SIGKILL'));
    const output = Promise.all([text(child.stdout!), text(child.stderr!)]);

    // What happened after the command began can't have been sent before it happened.
    const isLive = ({ timesMs }: Arrival): boolean => Math.min(...timesMs) > startedMs + 3_000;
    await until('it goes on in real time', async () => (await arrivals()).filter(isLive).length >= LIVE_CALLS);
    child.kill('SIGINT');
    await once(child, 'exit');
    const [stdout] = await output;
    expect(child.exitCode).toBe(0);
    expect(stdout).toMatch(/events taken/);

    const all = await arrivals();
    const past = all.flatMap(({ timesMs }) => timesMs.filter((ms) => ms < startedMs));
    expect(past.length).toBeGreaterThan(0);
    expect(Math.min(...past)).toBeGreaterThanOrEqual(startedMs - 0.05 * 3_600_000 - 1_000);
    for (const { atMs, timesMs } of all.filter(isLive)) {
      for (const ms of timesMs) {
        expect(atMs - ms).toBeGreaterThanOrEqual(EARLIEST_MS);
        expect(atMs - ms).toBeLessThan(LATEST_MS);
      }
    }
    const ids = all.flatMap((arrival) => arrival.ids);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Number(/([\d,]+) {2}events taken/.exec(stdout)![1]!.replaceAll(',', ''))).toBe(ids.length);
    await readFile(labelsPath, 'utf8');
  });
});
