import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { decodeFeatureVectors } from '@liminal/shared/contracts/feature-vector';
import { cursorKey, streamKey } from '@liminal/shared/contracts/keys';
import { startTestRedis } from '@liminal/shared/testing/redis';
import { Redis } from 'ioredis';
import { ServiceProcess, until } from '../test/e2e/service-process.ts';
import type { LoadOptions, LoadResult } from './peers/event-generator.ts';

export const name = 'event pipe: POST /events to committed features, the whole suite running';

const SECONDS = Number(process.env.BENCH_SECONDS ?? 60);
const FIXED_RATE = 50_000;
/** The time between two vectors of a user. */
const JOIN_SECONDS = 10;
const PARTITIONS = 8;
/** Unit of /proc/<pid>/stat: fixed at 100 a second on Linux. */
const CLOCK_TICKS = 100;
const SERVICES = ['kenning', 'predictor', 'feature-extractor', 'auto-retrainer', 'backend'] as const;

export async function run(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'liminal-bench-'));
  const server = await startTestRedis({ appendFsync: 'everysec' });
  const redis = new Redis(server.url);
  const services: ServiceProcess[] = [];
  try {
    const xadd = await xaddPerSecond(server.port);
    console.log(`redis-benchmark XADD of 112 bytes, -P 8: ${thousands(xadd)} a second`);
    const env = {
      REDIS_URL: server.url,
      PARTITIONS: String(PARTITIONS),
      MODEL_STORE_URL: `file:${join(directory, 'models')}`,
      RELEASE_SIGNING_KEY_FILE: join(directory, 'private.pem'),
      RELEASE_PUBLIC_KEY_FILE: join(directory, 'public.pem'),
      OMP_NUM_THREADS: '1',
    };
    for (const service of SERVICES) services.push(await ServiceProcess.start(service, env));
    for (const service of services) await service.ready();
    const backend = services.at(-1)!;

    const load = { url: backend.url, eventsPerCall: 500, users: 20_000, connections: 4, joinSeconds: JOIN_SECONDS };
    await generate({ ...load, seconds: JOIN_SECONDS, rate: 20_000 });

    const before = await committedEvents(redis);
    const processes = [...services.map(({ name, pid }) => ({ name, pid })), await redisProcess(redis)];
    const cpuBefore = await Promise.all(processes.map(({ pid }) => cpuSeconds(pid)));
    const startedAt = performance.now();
    const peak = await generate({ ...load, seconds: SECONDS });
    await until('everything is folded', async () => (await committedEvents(redis)) >= before + peak.events, 120_000);
    const perSecond = peak.events / ((performance.now() - startedAt) / 1000);
    console.log(
      `${SECONDS} s as fast as it takes: ${thousands(perSecond)} events a second to committed features ` +
        `(aim 100,000), ${((100 * perSecond) / xadd).toFixed(1)}% of XADD; ${peak.refused} calls told to wait`,
    );
    for (const [index, { name, pid }] of processes.entries()) {
      const seconds = (await cpuSeconds(pid)) - cpuBefore[index]!;
      console.log(
        `  ${name}: ${((1e6 * seconds) / peak.events).toFixed(1)} µs of CPU an event, ${await residentMegabytes(pid)} MB`,
      );
    }
    console.log(`  load generator: ${((1e6 * peak.cpuSeconds) / peak.events).toFixed(1)} µs of CPU an event`);

    await until('predictions have caught up', async () => (await waitingVectors(backend)) === 0, 300_000);
    await eventLoopLags(services);
    const latencies = watchLatencies(server.url, Date.now() + 1.5 * JOIN_SECONDS * 1000);
    const fixed = await generate({ ...load, seconds: SECONDS + 1.5 * JOIN_SECONDS, rate: FIXED_RATE });
    const lags = await eventLoopLags(services);
    const sorted = (await latencies.stop()).sort((left, right) => left - right);
    console.log(
      `at ${thousands(fixed.events / fixed.seconds)} events a second: POST to committed vector ` +
        `p50 ${quantile(sorted, 0.5)} ms, p99 ${quantile(sorted, 0.99)} ms (aim under 50), ${thousands(sorted.length)} vectors`,
    );
    for (const { name, p99, max } of lags) console.log(`  event loop of ${name} held p99 ${p99} ms, at most ${max} ms`);
  } finally {
    for (const service of services) await service.kill();
    redis.disconnect();
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function xaddPerSecond(port: number): Promise<number> {
  const args = [
    '-p',
    String(port),
    '-P',
    '8',
    '-n',
    '400000',
    '-q',
    '--csv',
    'XADD',
    'bench',
    '*',
    'b',
    'x'.repeat(112),
  ];
  const { stdout } = await promisify(execFile)('redis-benchmark', args);
  const rate = Number(/"?,"?([\d.]+)"?/.exec(stdout.trim().split('\n').at(-1)!)?.[1]);
  const redis = new Redis(port);
  await redis.del('bench');
  redis.disconnect();
  return rate;
}

async function generate(options: LoadOptions): Promise<LoadResult> {
  const child = fork(new URL('./peers/event-generator.ts', import.meta.url));
  child.send(options);
  const [result] = await once(child, 'message');
  return result as LoadResult;
}

async function committedEvents(redis: Redis): Promise<number> {
  let events = 0;
  for (let partition = 0; partition < PARTITIONS; partition++) {
    events += Number((await redis.hget(cursorKey('feature-extractor', partition), 'count')) ?? 0);
  }
  return events;
}

async function waitingVectors(backend: ServiceProcess): Promise<number> {
  const response = await fetch(`${backend.url}/ml/metrics`);
  return ((await response.json()) as { vectors: { lag: number } }).vectors.lag;
}

/** Follows the features streams: events carry the time of their POST, so a vector's age is the way's length in ms. */
function watchLatencies(url: string, fromMs: number): { stop(): Promise<number[]> } {
  const redis = new Redis(url);
  const latencies: number[] = [];
  let isWatching = true;
  const watching = (async () => {
    const keys = Array.from({ length: PARTITIONS }, (_, partition) => streamKey('features', partition));
    const from = keys.map(() => '$');
    while (isWatching) {
      const reply = await redis.xreadBuffer('BLOCK', 100, 'STREAMS', ...keys, ...from);
      const now = Date.now();
      for (const [key, entries] of (reply ?? []) as [Buffer, [Buffer, Buffer[]][]][]) {
        from[keys.indexOf(key.toString())] = entries.at(-1)![0].toString();
        for (const [, fields] of entries) {
          for (const { ts } of decodeFeatureVectors(fields[1]!)) if (ts >= fromMs) latencies.push(now - ts);
        }
      }
    }
    redis.disconnect();
  })();
  return {
    async stop() {
      isWatching = false;
      await watching;
      return latencies;
    },
  };
}

/** How long the event loops were held since the last call, in ms: reading the metric starts it anew. */
function eventLoopLags(services: readonly ServiceProcess[]): Promise<{ name: string; p99: string; max: string }[]> {
  return Promise.all(
    services.map(async ({ name, url }) => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const milliseconds = (metric: string): string =>
        (1000 * Number(new RegExp(`^${metric} (\\S+)$`, 'm').exec(text)?.[1])).toFixed(0);
      return {
        name,
        p99: milliseconds('nodejs_eventloop_lag_p99_seconds'),
        max: milliseconds('nodejs_eventloop_lag_max_seconds'),
      };
    }),
  );
}

async function redisProcess(redis: Redis): Promise<{ name: string; pid: number }> {
  return { name: 'redis', pid: Number(/process_id:(\d+)/.exec(await redis.info('server'))?.[1]) };
}

/** User and system time of a process. */
async function cpuSeconds(pid: number): Promise<number> {
  const [, fields] = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ');
  const [user, system] = fields!.split(' ').slice(11, 13);
  return (Number(user) + Number(system)) / CLOCK_TICKS;
}

async function residentMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024);
}

const quantile = (sorted: readonly number[], probability: number): number | undefined =>
  sorted[Math.min(sorted.length - 1, Math.floor(probability * sorted.length))];
const thousands = (value: number): string => Math.round(value).toLocaleString('en');

if (import.meta.main) await run();
