import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { decodeFeatureVectors } from '@liminal/shared/contracts/feature-vector';
import { streamKey } from '@liminal/shared/contracts/keys';
import { startTestRedis } from '@liminal/shared/testing/redis';
import { Redis } from 'ioredis';
import { ServiceProcess, until } from '../test/e2e/service-process.ts';
import type { LoadOptions, LoadResult } from './peers/event-generator.ts';

export const name = 'event pipe: POST /events to committed features, the whole suite running';

const SECONDS = Number(process.env.BENCH_SECONDS ?? 60);
const FIXED_RATE = 50_000;
const PARTITIONS = 8;
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

    const load = { url: backend.url, eventsPerCall: 500, users: 20_000, connections: 4 };
    await generate({ ...load, seconds: 5, rate: 20_000 });

    const before = await committedEvents(redis);
    const startedAt = performance.now();
    const peak = await generate({ ...load, seconds: SECONDS });
    await until('everything is folded', async () => (await committedEvents(redis)) >= before + peak.events, 120_000);
    const perSecond = peak.events / ((performance.now() - startedAt) / 1000);
    console.log(
      `${SECONDS} s as fast as it takes: ${thousands(perSecond)} events a second to committed features ` +
        `(aim 100,000), ${((100 * perSecond) / xadd).toFixed(1)}% of XADD; ${peak.refused} calls told to wait`,
    );
    await printMemory(services);

    await until('predictions have caught up', async () => (await waitingVectors(backend)) === 0, 300_000);
    const latencies = watchLatencies(server.url);
    const fixed = await generate({ ...load, seconds: Math.min(SECONDS, 20), rate: FIXED_RATE });
    const sorted = (await latencies.stop()).sort((left, right) => left - right);
    console.log(
      `at ${thousands(fixed.events / fixed.seconds)} events a second: POST to committed vector ` +
        `p50 ${quantile(sorted, 0.5)} ms, p99 ${quantile(sorted, 0.99)} ms (aim under 50), ${thousands(sorted.length)} vectors`,
    );
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
  const { cursorKey } = await import('@liminal/shared/contracts/keys');
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

/** Follows the features streams: the events carry the time of their POST, so a vector's age is the way's length. */
function watchLatencies(url: string): { stop(): Promise<number[]> } {
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
          for (const { ts } of decodeFeatureVectors(fields[1]!)) latencies.push(now - ts);
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

async function printMemory(services: readonly ServiceProcess[]): Promise<void> {
  for (const { name: service, pid } of services) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
    console.log(`  ${service}: ${Math.round(kilobytes / 1024)} MB resident`);
  }
}

const quantile = (sorted: readonly number[], probability: number): number | undefined =>
  sorted[Math.min(sorted.length - 1, Math.floor(probability * sorted.length))];
const thousands = (value: number): string => Math.round(value).toLocaleString('en');

if (import.meta.main) await run();
